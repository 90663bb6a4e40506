"""Readers of containers and encodings (zip, tar, pickle, HDF5, protocol buffers, …), which know no checkpoint."""
