"""Episodes that workers play in other processes."""
