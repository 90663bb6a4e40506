"""What is around a checkpoint in a folder or an archive; the checkpoint is read by the converter of its content."""
