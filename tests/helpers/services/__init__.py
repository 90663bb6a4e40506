"""Services on this machine, and what is sent to them."""
