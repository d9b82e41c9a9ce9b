"""The cross-entropy method: elites, memory, imitation."""
