"""Callbacks: the training series from inside a training loop, one file per framework, one shared recorder."""
