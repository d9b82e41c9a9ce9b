"""The flags of training, and what they make."""
