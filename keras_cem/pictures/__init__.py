"""Films, plots, and what they show."""
