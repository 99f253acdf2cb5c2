"""How well the motion generator does what it is asked for, and what that costs the speech."""
