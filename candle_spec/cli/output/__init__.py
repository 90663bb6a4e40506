"""What the commands print: words, sizes, trees, progress."""
