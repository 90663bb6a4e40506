"""Make ``candle_spec/manifest/models.py``: the manifest as pydantic models, a lenient view for reading.

The schema is the source of truth and the only validator. What restricts values (patterns, bounds, conditions) is left
out of what the generator sees, unknown members are kept, open lists are plain strings.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from candle_spec.manifest import collection

HEADER = '''# ruff: noqa
"""The manifest as typed objects. Generated from schemas/checkpoint by tools/regen.py: do not edit.

A lenient view for reading, never a check: :func:`candle_spec.manifest.check` is the only validator.
"""'''
KEPT = frozenset({"title", "description", "type", "enum", "const", "required"})
NAMES = {
    "#/$defs/conversion/properties/native/properties/files/items": "NativeFile",
    "#/$defs/conversion/properties/parts/items": "ConvertedPart",
    "#/$defs/training_state/properties/parts": "StateParts",
    "#/properties/base_models/items": "BaseModelEntry",
}
"""Names of classes for objects whose names would be those of others, by their place in the manifest's schema."""
ALIASES = {"$schema": "schema_id"}
FREE = collection.schema_id("common/value")
NATIVE_NAME = collection.schema_id("common/tensor-name")
OPTIONS = (
    "--input-file-type=jsonschema",
    "--output-model-type=pydantic_v2.BaseModel",
    "--target-python-version=3.11",
    "--class-name=Manifest",
    "--base-class=candle_spec.manifest.base_model.View",
    "--use-standard-collections",
    "--use-union-operator",
    "--enum-field-as-literal=all",
    "--use-field-description",
    "--use-schema-description",
    "--field-constraints",
    "--snake-case-field",
    "--disable-timestamp",
    "--use-double-quotes",
    "--collapse-root-models",
    "--formatters=ruff-format",
)


def make(root: Path) -> bytes:
    """Return the source of the models for the schemas below ``root``."""
    bundle = Bundle().root(collection.schema_id("checkpoint"))
    with TemporaryDirectory() as folder:
        source, target, aliases = (Path(folder) / name for name in ("bundle.json", "models.py", "aliases.json"))
        source.write_text(json.dumps(bundle))
        aliases.write_text(json.dumps(ALIASES))
        # The commands are this project's own, with fixed arguments.
        subprocess.run(
            [
                *(sys.executable, "-m", "datamodel_code_generator", *OPTIONS),
                *(f"--input={source}", f"--output={target}", f"--aliases={aliases}"),
            ],
            check=True,
        )
        body = target.read_text().partition("from __future__")[2]
        target.write_text(f"{HEADER}\n\nfrom __future__{body}")
        ruff = [sys.executable, "-m", "ruff"]
        subprocess.run([*ruff, "check", "-q", "--isolated", "--select=F401,I", "--fix", target], check=True)
        subprocess.run([*ruff, "format", "-q", "--isolated", "--line-length=120", target], check=True)
        return target.read_bytes()


class Bundle:
    """Bundles a schema and all it refers to into one document for the generator."""

    def __init__(self) -> None:
        self._definitions: dict[str, Any] = {}

    def root(self, identifier: str) -> dict[str, Any]:
        """Return the bundle of one schema."""
        document = self._plain(collection.documents()[identifier], identifier)
        return {**document, "$defs": self._definitions}

    def _plain(self, schema: Any, identifier: str) -> Any:
        """Return a schema without what the view does not need."""
        if "$ref" in schema:
            return self._reference(schema, identifier)
        name = NAMES.get(collection.locations()[id(schema)].removeprefix(collection.schema_id("checkpoint")))
        if name and name not in self._definitions:
            self._definitions[name] = {}
            self._definitions[name] = _untitled(self._plain(schema, identifier))
            return {**_about(schema), "$ref": f"#/$defs/{name}"}
        kept = {key: value for key, value in schema.items() if key in KEPT}
        if "properties" in schema:
            kept["properties"] = {key: self._plain(value, identifier) for key, value in schema["properties"].items()}
        if "items" in schema:
            kept["items"] = self._plain(schema["items"], identifier)
        additional = schema.get("additionalProperties")
        if isinstance(additional, dict) and "properties" not in schema:
            kept["additionalProperties"] = self._plain(additional, identifier)
        return kept

    def _reference(self, schema: Any, identifier: str) -> Any:
        about = _about(schema)
        target, _, fragment = schema["$ref"].partition("#")
        target = target or identifier
        if target == FREE:
            return {**about, "type": "object"} if fragment == "/$defs/object" else about
        if target == NATIVE_NAME:
            return {**about, "type": ["string", "object"]}
        found = collection.node(f"{target}#{fragment}")
        if found.get("type") == "object" and "properties" in found:
            return {**about, "$ref": f"#/$defs/{self._define(target, fragment, found)}"}
        return {**self._plain(found, target), **about}

    def _define(self, target: str, fragment: str, found: Any) -> str:
        named = collection.parse_id(target)
        name = _camel(fragment.rpartition("/")[2] or (named[0] if named else target).rpartition("/")[2])
        if name not in self._definitions:
            self._definitions[name] = {}  # the name is taken before what refers to it is looked at
            self._definitions[name] = _untitled(self._plain(found, target))
        return name


def _about(schema: dict[str, Any]) -> dict[str, Any]:
    return {key: schema[key] for key in ("title", "description") if key in schema}


def _untitled(schema: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in schema.items() if key != "title"}


def _camel(name: str) -> str:
    return "".join(part.capitalize() for part in name.replace("-", "_").split("_"))
