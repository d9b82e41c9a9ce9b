"""Checkpoints, and the format and limits of saved agents."""
