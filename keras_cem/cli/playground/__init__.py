"""The page of `keras-cem playground`, and what it shows."""
