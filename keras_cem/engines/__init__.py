"""Playing episodes. Knows of policies and environments, not of learning."""
