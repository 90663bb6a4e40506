"""Native files and folders, made for tests."""
