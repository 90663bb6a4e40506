"""NumPy: arrays in the .npy layout, alone, in archives, or one after the other."""
