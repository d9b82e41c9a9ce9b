"""The flags of training, and the objects built from them."""
