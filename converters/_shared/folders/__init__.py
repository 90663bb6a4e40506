"""Folders that describe a model beside its weights: the model inside is read by the converter of its own format."""
