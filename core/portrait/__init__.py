"""Talking pictures of a person of whom there is one photo: landmarks of an expression to pixels, by diffusion.

After Chang et al. 2025 (arXiv 2509.19749): what is said and acted becomes landmarks, and a generative network
draws the person of the reference picture where the landmarks are.
"""
