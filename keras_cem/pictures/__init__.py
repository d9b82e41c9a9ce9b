"""Films and plots, and their data."""
