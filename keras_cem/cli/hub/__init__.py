"""Sharing of runs on the Hugging Face Hub."""
