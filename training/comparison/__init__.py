"""A personalized avatar beside the video it was made from, and speaking with another's sound: pictures and figures."""
