"""What is acted on top of the speech: poses, their keys and assets, gaze and head targets."""
