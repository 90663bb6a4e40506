"""Fields of the manifest from the metadata in the header of a safetensors file.

The keys are those of the ModelSpec: https://github.com/Stability-AI/ModelSpec.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from candle_spec.conversion.contract import Field
from candle_spec.converters._shared import values

_SPEC: Final = {
    "/description": ("description", values.text),
    "/model/architecture": ("architecture", values.line),
    "/license/weights": ("license", values.spdx),
    "/dates/published": ("date", values.date),
    "/version": ("version", values.name),
}


def metadata_fields(metadata: Mapping[str, str]) -> list[Field]:
    """Return what the keys of the ModelSpec say, but for the name."""
    found = values.Fields("__metadata__")
    for pointer, (key, read) in _SPEC.items():
        found.add(pointer, read(metadata.get(f"modelspec.{key}")), f"modelspec.{key}")
    author = values.person({"name": metadata.get("modelspec.author")})
    found.add("/creators", [author] if author else None, "modelspec.author")
    found.add("/keywords", values.names(re.split(r"\s*,\s*", metadata.get("modelspec.tags", ""))), "modelspec.tags")
    return found.fields
