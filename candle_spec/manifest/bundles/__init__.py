"""One flat file of a packaged schema and all that it refers to, for validators and editors of others.

A bundle says what the schemas say, in a form that every tool takes: no identifier within, every ``$ref`` leads to
``#/$defs/…`` of the same file, and its types are spelled out as ajv's strict mode asks
(:mod:`candle_spec.manifest.bundles.strict`). That of the manifest has the packaged extensions in it. The same schemas
always give the same bytes.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from itertools import chain, count
from typing import Any, Final, Literal
from urllib.parse import unquote

from candle_spec import pointer
from candle_spec.errors import CorruptFileError
from candle_spec.manifest import collection
from candle_spec.manifest.bundles import draft7
from candle_spec.manifest.bundles.strict import strict
from candle_spec.manifest.bundles.subschemas import rebuilt

Draft = Literal["2020-12", "7"]

DRAFTS: Final[tuple[Draft, ...]] = ("2020-12", "7")
"""The drafts of JSON Schema in which a bundle can be written; the first is that of the packaged schemas."""

_LIKE_ALL: Final = frozenset({"$defs", "definitions", "properties", "items"})
"""Steps of a pointer that tell nothing about what it leads to."""

_Target = tuple[str, str]
"""Identifier of a schema and JSON Pointer into it."""


def bundle(name: str, version: str | None = None, *, draft: Draft = "2020-12") -> dict[str, Any]:
    """Return a packaged schema with all that it refers to.

    Args:
        name: Name of the schema, for example ``"checkpoint"`` or ``"extensions/oncology"``.
        version: Its version; by default the newest.
        draft: The draft of JSON Schema to write it in.

    Raises:
        InvalidInputError: There is no such schema; the hint names the nearest.
    """
    name, version = collection.choose(name, version)
    schema = collection.read(name, version)
    return flat(_with_extensions(schema) if name == "checkpoint" else schema, draft=draft)


def flat(schema: Mapping[str, Any], *, draft: Draft = "2020-12") -> dict[str, Any]:
    """Return any schema of draft 2020-12 with all that it refers to, itself or among the packaged schemas.

    Args:
        schema: The schema, with ``$id``.
        draft: The draft of JSON Schema to write it in.

    Raises:
        CorruptFileError: It refers to something that is not there, or uses what the draft cannot say.
    """
    result = strict(_Flattening(schema).run())
    return draft7.converted(result) if draft == "7" else result


def _with_extensions(checkpoint: Mapping[str, Any]) -> dict[str, Any]:
    """Return the manifest's schema with those of the packaged extensions, each where its objects stand."""
    known = [
        identifier
        for identifier in sorted(collection.documents())
        if (named := collection.parse_id(identifier)) and named[0].startswith("extensions/")
    ]
    about = checkpoint["properties"]["extensions"]
    extensions = {**about, "properties": {identifier: {"$ref": identifier} for identifier in known}}
    return {**checkpoint, "properties": {**checkpoint["properties"], "extensions": extensions}}


class _Flattening:
    """Makes every target of a ``$ref`` a definition of the root, as they are met.

    Args:
        root: The schema that is bundled.
    """

    def __init__(self, root: Mapping[str, Any]) -> None:
        self._root = root
        self._id = str(root.get("$id", ""))
        self._own = frozenset(root.get("$defs", {}))
        self._names: dict[_Target, str] = {}
        self._waiting: list[_Target] = []

    def run(self) -> dict[str, Any]:
        result = self._copied(self._root, self._id)
        definitions: dict[str, Any] = {}
        while self._waiting:
            target = self._waiting.pop()
            definitions[self._names[target]] = self._copied(self._found(target), target[0])
        head = {key: self._root[key] for key in ("$schema", "$id") if key in self._root}
        return {**head, **result, **({"$defs": dict(sorted(definitions.items()))} if definitions else {})}

    def _copied(self, schema: Any, identifier: str) -> Any:
        """Return a schema that stands in the document ``identifier``, its references led to definitions."""
        if not isinstance(schema, Mapping):
            return schema
        kept = {key: value for key, value in schema.items() if key not in ("$schema", "$id", "$defs")}
        result = rebuilt(kept, lambda _, inner: self._copied(inner, identifier))
        if "$ref" in result:
            named, _, fragment = str(result["$ref"]).partition("#")
            result["$ref"] = "#" + pointer.join(["$defs", self._name((named or identifier, unquote(fragment)))])
        return result

    def _found(self, target: _Target) -> Any:
        identifier, at = target
        document = self._root if identifier == self._id else collection.documents().get(identifier)
        found = pointer.get(document, at)
        if not isinstance(found, (Mapping, bool)):
            raise CorruptFileError(f"the schema refers to {identifier}#{at}, which is not there", location=self._id)
        return found

    def _name(self, target: _Target) -> str:
        """Return the name of the definition that a target becomes."""
        if target not in self._names:
            self._names[target] = self._new_name(target)
            self._waiting.append(target)
        return self._names[target]

    def _new_name(self, target: _Target) -> str:
        """What the root itself defines keeps its name; others are named by schema and place."""
        identifier, at = target
        parts = pointer.split(at)
        if identifier == self._id and len(parts) == 2 and parts[0] == "$defs":
            return parts[1]
        known = collection.parse_id(identifier)
        schema = known[0].split("/") if known and (identifier != self._id or not parts) else []
        words = [*schema, *(part for part in parts if part not in _LIKE_ALL)]
        plain = "_".join(re.sub("[^A-Za-z0-9]+", "_", word).strip("_") for word in words) or "root"
        taken = {*self._own, *self._names.values()}
        return next(name for name in chain([plain], (f"{plain}_{n}" for n in count(2))) if name not in taken)
