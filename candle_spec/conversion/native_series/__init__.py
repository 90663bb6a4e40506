"""The native checkpoints of one training, whoever wrote them, as one series of the common format."""
