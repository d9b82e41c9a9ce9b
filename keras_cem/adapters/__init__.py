"""Foreign environments, each in a module that is imported when it is needed."""
