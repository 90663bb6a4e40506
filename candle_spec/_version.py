"""The version of this package. The versions of the format live in ``schemas/index.json``."""

__version__ = "0.1.0.dev1"
