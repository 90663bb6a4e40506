"""When a training is saved, what is kept, which checkpoint is best: hyperparameters and pure functions."""
