"""Walk schemas statically: does a place exist in the manifest and its extensions, and is it always there?"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from candle_spec import pointer as pointers
from candle_spec.errors import InvalidInputError
from candle_spec.manifest import collection

_DEPTH = 64


@dataclass(frozen=True, slots=True)
class Place:
    """A place in a document, as schemas describe it.

    Attributes:
        schemas: The schema objects that say something of it, each with the document that it stands in.
        certain: Whether every valid document has it.
        free: Whether anything may stand there.
    """

    schemas: tuple[tuple[Mapping[str, Any], Mapping[str, Any]], ...]
    certain: bool = True
    free: bool = False


class Places:
    """The places of a manifest, with those of extensions.

    Args:
        extensions: Schemas of extensions by URI, beside those of this package.
        root: The schema to start from; by default that of the manifest.
    """

    def __init__(self, extensions: Mapping[str, Any], root: Mapping[str, Any] | None = None) -> None:
        self._extensions = dict(extensions)
        document = root if root is not None else collection.read("checkpoint")
        self.root = Place(((document, document),))

    def find(self, parts: tuple[str, ...], start: Place | None = None) -> Place | str:
        """Return a place, or one sentence saying where the way to it ends."""
        place = start or self.root
        for depth, part in enumerate(parts):
            if start is None and depth == 1 and parts[0] == "extensions":
                found = self._extension(part)
                if isinstance(found, str):
                    return found
                place = found
                continue
            below = self.below(place, part)
            if below is None:
                return f"there is no {pointers.join(parts[: depth + 1])!r}"
            place = below
        return place

    def below(self, place: Place, part: str) -> Place | None:
        """Return the place of a member or item, ``None`` where there can be none."""
        if place.free:
            return Place((), certain=False, free=True)
        found: list[tuple[Mapping[str, Any], Mapping[str, Any]]] = []
        certain, free = False, False
        for schema, document in self._resolved(place.schemas):
            certain = certain or part in schema.get("required", ())
            for inner in _members(schema, part):
                if inner is True or inner == {}:
                    free = True
                elif isinstance(inner, dict):
                    found.append((inner, document))
        if not found and not free:
            return None
        return Place(tuple(found), certain=place.certain and certain, free=free and not found)

    def items(self, place: Place) -> Place:
        """Return the place of an item of a list; an object that is no list counts as its only item."""
        below = self.below(place, "*")
        return below if below is not None else place

    def _extension(self, uri: str) -> Place | str:
        if uri in self._extensions:
            schema = self._extensions[uri]
            return Place(((schema, schema),), certain=False)
        named = collection.parse_urn(uri)
        if named and named[1] in collection.versions().get(named[0], ()):
            schema = collection.read(*named)
            return Place(((schema, schema),), certain=False)
        return f"there is no schema of the extension {uri!r}"

    def resolved(self, place: Place) -> Iterator[tuple[Mapping[str, Any], Mapping[str, Any]]]:
        """Yield every schema object that speaks of a place, references followed."""
        yield from self._resolved(place.schemas)

    def _resolved(
        self, schemas: tuple[tuple[Mapping[str, Any], Mapping[str, Any]], ...]
    ) -> Iterator[tuple[Mapping[str, Any], Mapping[str, Any]]]:
        stack = [(schema, document, 0) for schema, document in schemas]
        while stack:
            schema, document, depth = stack.pop()
            if depth > _DEPTH:
                continue
            yield schema, document
            if "$ref" in schema:
                target = self._target(str(schema["$ref"]), document)
                if target is not None:
                    stack.append((*target, depth + 1))
            for keyword in ("allOf", "anyOf", "oneOf"):
                for branch in schema.get(keyword, ()):
                    if isinstance(branch, dict):
                        without = branch if keyword == "allOf" else {k: v for k, v in branch.items() if k != "required"}
                        stack.append((without, document, depth + 1))

    def _target(
        self, reference: str, document: Mapping[str, Any]
    ) -> tuple[Mapping[str, Any], Mapping[str, Any]] | None:
        identifier, _, fragment = reference.partition("#")
        try:
            owner = document if not identifier else collection.documents().get(identifier, {})
            found = pointers.get(owner, fragment)
        except InvalidInputError:
            return None
        return (found, owner) if isinstance(found, dict) else None


def _members(schema: Mapping[str, Any], part: str) -> Iterator[Any]:
    if part == "*" or part.isdigit():
        for keyword in ("items", "additionalProperties"):
            if keyword in schema:
                yield schema[keyword]
        yield from schema.get("prefixItems", ())
        if part == "*":
            yield from schema.get("properties", {}).values()
        return
    if part in schema.get("properties", {}):
        yield schema["properties"][part]
    elif "additionalProperties" in schema:
        yield schema["additionalProperties"]
    elif "properties" not in schema and schema.get("type") == "object":
        yield True
