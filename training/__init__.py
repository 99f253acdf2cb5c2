"""Training, as processes of their own: torch, datasets, networks, export."""

# Names the folder with recordings, scans and captured motion where no option does.
DATA_VARIABLE = "GAUSSIAN_HEADS_DATA"
