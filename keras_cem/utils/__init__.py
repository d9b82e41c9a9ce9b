"""Helpers that do not depend on the learning algorithm."""
