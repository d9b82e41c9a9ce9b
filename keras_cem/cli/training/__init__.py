"""What `keras-cem train` adds to `fit`."""
