"""Faults, one in each copy of a sound checkpoint."""
