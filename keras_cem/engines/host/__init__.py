"""Episodes of gymnasium environments."""
