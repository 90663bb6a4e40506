"""The mapping language: its typed tree, its parser, and what is known of a mapping without running it."""
