"""One file per native format; the recipe for adding one stands in :mod:`candle_spec.conversion.contract`."""
