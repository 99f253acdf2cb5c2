"""Lines of a dialogue: strips and who speaks them, from sound to keys that follow."""
