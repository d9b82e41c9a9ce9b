"""The cross-entropy method: elite selection, elite memory and imitation."""
