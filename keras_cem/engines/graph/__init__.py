"""Episodes of environments written in TensorFlow."""
