"""Cases of the stand-in and of the client that are compared."""
