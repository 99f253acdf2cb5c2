"""What the motion generator learns from: heard speech, directions, and how both become one face."""
