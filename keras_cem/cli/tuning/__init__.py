"""The search of `keras-cem tune`."""
