"""From pictures of any person to expression codes, head pose and gaze: the monocular encoder at run time."""
