"""What the diffusion portrait is trained on and measured with; the command is `training.diffusion`."""
