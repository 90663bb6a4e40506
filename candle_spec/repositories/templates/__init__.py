"""Templates as folders of data: found, loaded, inherited, checked, compiled, begun anew."""
