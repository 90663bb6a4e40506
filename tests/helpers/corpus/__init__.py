"""What the loaders of others say of the real checkpoints of the corpus."""
