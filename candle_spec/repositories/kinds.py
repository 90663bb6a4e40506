"""What can happen to a field of a record, or to a part of the manifest."""

from __future__ import annotations

from enum import StrEnum


class Kind(StrEnum):
    """What happened to a field of the target, or to a part of the manifest."""

    FILLED = "filled"
    MISSING_MANDATORY = "missing-mandatory"
    MISSING_RECOMMENDED = "missing-recommended"
    DEFAULTED = "defaulted"
    TRUNCATED = "truncated"
    UNIT_CONVERTED = "unit-converted"
    VOCABULARY_MATCHED = "vocabulary-matched"
    UNVERIFIED = "unverified"
    INFERRED = "inferred"
    LEFT_OUT = "left-out"
    NO_PLACE = "no-place"
    INVALID = "invalid"


LOSSES = (Kind.TRUNCATED, Kind.LEFT_OUT, Kind.NO_PLACE)
"""Kinds that mean that something of the manifest does not arrive."""
