"""Pickles that nobody runs: their nodes, arrays, imports, and the files they stand in."""
