"""PyTorch: the files of torch.save, the walk over their structure, and what it means."""
