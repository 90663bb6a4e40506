"""What several formats share: a look at a source, values, tiles; and a folder for each library that wrote the files."""
