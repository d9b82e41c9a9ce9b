"""Callbacks that `keras-cem train` adds to `fit`."""
