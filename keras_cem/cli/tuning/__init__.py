"""The hyperparameter search of `keras-cem tune`."""
