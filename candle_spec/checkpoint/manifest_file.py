"""The manifest as a file: written in the schema's key order, one tensor a line; its digest."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from candle_spec import resources
from candle_spec.canonical import load_file, pretty
from candle_spec.digests import digest_json
from candle_spec.manifest.collection import BASE, CURRENT, schema_id
from candle_spec.manifest.migrations import manifest_bound

SCHEMA_VERSION: Final = CURRENT
"""Version of the format that this package writes."""

ONE_LINE: Final = ("tensors", "files", "extents", "field_sources")


def dump(manifest: dict[str, Any]) -> bytes:
    """Return the manifest's file."""
    return pretty(ordered(manifest, f"checkpoint/{CURRENT}.json"), one_line=ONE_LINE)


def document(schema: str, members: Mapping[str, Any]) -> bytes:
    """Return the file of another document of the format, of the version that this package writes."""
    return pretty({"$schema": schema_id(schema), "schema_version": SCHEMA_VERSION, **members}, one_line=ONE_LINE)


def manifest_digest(manifest: dict[str, Any]) -> str:
    """Return the digest of the manifest without its own ``manifest_digest``."""
    return digest_json({key: value for key, value in manifest.items() if key != "manifest_digest"})


def sealed_as(before: Mapping[str, Any], manifest: dict[str, Any]) -> dict[str, Any]:
    """Return a changed manifest, sealed anew if it was sealed before."""
    return {**manifest, "manifest_digest": manifest_digest(manifest)} if "manifest_digest" in before else manifest


def read(path: Path) -> Any:
    """Parse a manifest file strictly.

    Raises:
        CorruptFileError, LimitExceededError: See :func:`candle_spec.canonical.load_file`.
    """
    return load_file(path, most=manifest_bound(path))


def ordered(document: Any, schema: str) -> Any:
    """Return ``document`` with its keys in the order in which the packaged schema lists them; unknown keys last."""
    return _order(document, resources.read_json(schema), schema)


def _order(value: Any, schema: Any, name: str) -> Any:
    schema, name = followed(schema, name)
    if isinstance(value, list):
        items = schema.get("items", {})
        return [_order(item, items, name) for item in value]
    if not isinstance(value, dict):
        return value
    properties = schema.get("properties", {})
    known = [key for key in properties if key in value]
    unknown = [key for key in value if key not in properties]
    return {key: _order(value[key], properties.get(key, {}), name) for key in known + unknown}


def followed(schema: Any, name: str) -> tuple[dict[str, Any], str]:
    """Return a schema, ``$ref`` resolved among the packaged schemas: ``#/$defs/x`` or a schema's identifier."""
    while isinstance(schema, dict) and "$ref" in schema:
        target, _, fragment = str(schema["$ref"]).partition("#")
        if target:
            name = f"{target.removeprefix(BASE)}.json"
        schema = resources.read_json(name)
        for part in filter(None, fragment.split("/")):
            schema = schema[part]
    return (schema if isinstance(schema, dict) else {}), name
