"""Checkpoints, and what saved agents may be."""
