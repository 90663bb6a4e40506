"""The native formats, a folder for each; the recipe stands in :mod:`candle_spec.conversion.contract`."""
