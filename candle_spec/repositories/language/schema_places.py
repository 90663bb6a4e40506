"""Walk schemas statically: does a place exist in the manifest and its extensions, and is it always there?"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urljoin

from candle_spec import pointer as pointers
from candle_spec.errors import InvalidInputError
from candle_spec.manifest import collection

_DEPTH: Final = 64
_EVERY: Final = "allOf"
_SOME: Final = ("anyOf", "oneOf")
_CASES: Final = ("then", "else")

Spoken = tuple[Mapping[str, Any], Mapping[str, Any]]
"""A schema object, and the document that it stands in."""


@dataclass(frozen=True, slots=True)
class Place:
    """A place in a document, as schemas describe it.

    Attributes:
        schemas: The schema objects that say something of it, each with the document that it stands in.
        certain: Whether every valid document has it.
        free: Whether anything may stand there.
        branches: Those of the schema objects that hold in some cases only: they stand in a branch.
    """

    schemas: tuple[Spoken, ...]
    certain: bool = True
    free: bool = False
    branches: tuple[Spoken, ...] = ()


class Places:
    """The places of a manifest, with those of extensions.

    Args:
        extensions: Schemas of extensions by URI, beside those of this package.
        root: The schema to start from; by default that of the manifest.
        beside: Schemas that it may refer to, by file name and by ``$id``.
    """

    def __init__(
        self,
        extensions: Mapping[str, Any],
        root: Mapping[str, Any] | None = None,
        beside: Mapping[str, Any] | None = None,
    ) -> None:
        self._extensions = dict(extensions)
        self._beside = dict(beside or {})
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
        found: list[Spoken] = []
        branches: list[Spoken] = []
        free = False
        for schema, document, in_branch in self._resolved(place):
            for inner in _members(schema, part):
                if inner is True or inner == {}:
                    free = True
                elif isinstance(inner, dict):
                    (branches if in_branch else found).append((inner, document))
        if not found and not branches and not free:
            return None
        certain = place.certain and part in required(self, place)
        return Place(tuple(found), certain, free=free and not found and not branches, branches=tuple(branches))

    def items(self, place: Place) -> Place:
        """Return the place of an item of a list; an object that is no list counts as its only item."""
        below = self.below(place, "*")
        return below if below is not None else place

    def _extension(self, uri: str) -> Place | str:
        if uri in self._extensions:
            schema = self._extensions[uri]
            return Place(((schema, schema),), certain=False)
        named = collection.parse_id(uri)
        if named and named[1] in collection.versions().get(named[0], ()):
            schema = collection.read(*named)
            return Place(((schema, schema),), certain=False)
        return f"there is no schema of the extension {uri!r}"

    def certainly(self, schemas: tuple[Spoken, ...]) -> Iterator[Spoken]:
        """Yield every schema object that holds wherever these do: references and ``allOf`` followed."""
        yield from ((schema, document) for schema, document, branch in self._walk(schemas) if not branch)

    def _resolved(self, place: Place) -> Iterator[tuple[Mapping[str, Any], Mapping[str, Any], bool]]:
        """Yield every schema object that speaks of a place, and whether it holds in some cases only."""
        yield from self._walk(place.schemas)
        yield from ((schema, document, True) for schema, document, _ in self._walk(place.branches))

    def _walk(self, schemas: tuple[Spoken, ...]) -> Iterator[tuple[Mapping[str, Any], Mapping[str, Any], bool]]:
        stack = [(schema, document, 0, False) for schema, document in schemas]
        while stack:
            schema, document, depth, branch = stack.pop()
            if depth > _DEPTH:
                continue
            yield schema, document, branch
            if "$ref" in schema:
                target = self._target(str(schema["$ref"]), document)
                if target is not None:
                    stack.append((*target, depth + 1, branch))
            stack += [(inner, document, depth + 1, branch) for inner in _objects(schema.get(_EVERY))]
            stack += [(inner, document, depth + 1, True) for inner in _branches(schema)]

    def _target(
        self, reference: str, document: Mapping[str, Any]
    ) -> tuple[Mapping[str, Any], Mapping[str, Any]] | None:
        identifier, _, fragment = reference.partition("#")
        try:
            owner = document if not identifier else self._document(identifier, document)
            found = pointers.get(owner, fragment)
        except InvalidInputError:
            return None
        return (found, owner) if isinstance(found, dict) else None

    def _document(self, identifier: str, document: Mapping[str, Any]) -> Mapping[str, Any]:
        named = urljoin(str(document.get("$id", "")), identifier)
        last = identifier.rpartition("/")[2]
        found = self._beside.get(named) or self._beside.get(identifier) or self._beside.get(last)
        return found if isinstance(found, Mapping) else collection.documents().get(identifier, {})


def required(places: Places, place: Place) -> list[str]:
    """Return the members that are required at a place, whatever else is there."""
    names: dict[str, Any] = {}
    for schema, _ in places.certainly(place.schemas):
        names |= dict.fromkeys(schema.get("required", ()))
    return list(names)


def _objects(value: Any) -> Iterator[Mapping[str, Any]]:
    yield from (each for each in value or () if isinstance(each, dict))


def _branches(schema: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    for keyword in _SOME:
        yield from _objects(schema.get(keyword))
    for keyword in _CASES:
        yield from _objects([schema.get(keyword)])
    yield from _objects([*schema.get("dependentSchemas", {}).values(), *schema.get("dependencies", {}).values()])


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
