"""A run folder, file by file."""
