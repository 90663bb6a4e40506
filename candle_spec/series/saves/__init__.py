"""One save of a training: its files, shared or written, its private folder, its manifest, its name."""
