"""What several formats share: the files and documents of a source, values for the manifest, names, encodings, tiles.

A folder each: what is around a checkpoint, and the libraries that wrote the files.
"""
