"""Say what changed between two versions of a schema, or two trees of schemas, and whether their numbers say so.

    python -m tools.schema_diff schemas/checkpoint/1.0.0.json schemas/checkpoint/1.1.0.json
    python -m tools.schema_diff ../released/schemas schemas    the newest version of every schema
    python -m tools.schema_diff --check                        every version in this tree against the one before it

Exit code 1: a version's number is too small for what changed.
"""
