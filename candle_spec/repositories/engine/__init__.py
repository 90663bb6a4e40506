"""Run a mapping: sources, transforms, rules, records; and the way back from a record to a manifest."""
