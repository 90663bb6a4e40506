"""The checkpoint folder: its layout, its manifest as a file, an open checkpoint, sealing."""
