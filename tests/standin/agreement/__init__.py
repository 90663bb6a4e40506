"""The client's reading of the service beside the stand-in's: two readings of one source, apart from each other.

``tools/rule_mutants.py`` changes the client's rules one by one and runs these tests, which need no fixture: one of them
must turn red.
"""
