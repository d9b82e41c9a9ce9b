"""Recorded episodes as a source of trajectories."""
