"""The command line. Flags are defined here and nowhere else."""
