"""Code spaces and the named controls over them: ARKit-52, FACS Action Units, visemes."""
