"""A series: the checkpoints of one training run over its epochs, crash-safe, with shared unchanged files."""
