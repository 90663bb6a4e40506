"""XGBoost: its models as JSON and UBJSON, which pickles hold as well."""
