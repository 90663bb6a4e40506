"""LightGBM: its models as text, which pickles hold as well."""
