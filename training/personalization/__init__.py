"""A new person's avatar from a video, photos, calibrated pictures or a scan, under the prior."""
