"""Series of made states: operations, kills, power cuts, teams of threads."""
