"""The packaged schemas, vocabularies and catalogues: data only, read through :mod:`candle_spec.resources`."""
