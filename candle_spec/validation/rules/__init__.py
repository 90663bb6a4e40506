"""The checks, one file a level; each yields findings and never raises for bad content."""
