"""Episodes that were played before."""
