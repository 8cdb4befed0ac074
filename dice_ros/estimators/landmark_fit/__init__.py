"""The embedded default: open models fitted to landmarks."""
