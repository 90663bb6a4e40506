"""Checkpoints and series of an older version become ones of the current version: no tensor is rewritten.

``plan`` says what of one checkpoint changes; ``folder`` writes it, proves and validates it; ``series`` does so for all
of a training; ``place`` gives it its name, and keeps the old one.
"""
