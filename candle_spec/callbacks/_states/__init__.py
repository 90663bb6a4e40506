"""The training states of the frameworks: captured without pickle, and given back exactly."""
