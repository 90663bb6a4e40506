"""The packaged schemas: found by their place, named by their identifier, never fetched.

A schema ``<name>`` of version ``<version>`` is the file ``schemas/<name>/<version>.json`` and has the identifier
``<BASE><name>/<version>``. It is a name, not an address. Which ones there are is said by ``schemas/index.json``.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache
from types import MappingProxyType
from typing import Any, Final

from candle_spec import pointer, resources
from candle_spec.errors import InvalidInputError
from candle_spec.manifest.spelling import nearest

BASE: Final = "https://w3id.org/candle-spec/schemas/"
"""The one base of all identifiers of schemas of this package."""

CURRENT: Final = "1.0.0-rc.1"
"""The version that this package writes."""

VERSION: Final = re.compile(
    r"(?P<major>0|[1-9][0-9]{0,5})\.(?P<minor>0|[1-9][0-9]{0,5})\.(?P<patch>0|[1-9][0-9]{0,5})(-(?P<stage>dev|rc)\.(?P<number>[1-9][0-9]{0,5}))?"
)

_STAGES: Final = ("dev", "rc", None)
"""What a version goes through, in order."""

_REFERENCE: Final = re.compile(rf'"\$ref":\s*"({BASE}[^"#]+)')

INDEX: Final = "index.json"
"""Names every schema with its digest; made by ``tools/regen.py``."""


def schema_id(name: str, version: str = CURRENT) -> str:
    """Return the identifier of a schema, for example of ``"common/digest"``."""
    return f"{BASE}{name}/{version}"


def parse_id(text: str) -> tuple[str, str] | None:
    """Return name and version of a schema of this package's namespace, or ``None`` for any other text."""
    if not text.startswith(BASE):
        return None
    name, _, version = text.removeprefix(BASE).rpartition("/")
    return (name, version) if name and VERSION.fullmatch(version) else None


@cache
def versions() -> Mapping[str, tuple[str, ...]]:
    """Return the versions of every schema that ``schemas/index.json`` names, oldest first."""
    found: dict[str, set[str]] = {}
    for release in resources.read_json(INDEX)["releases"].values():
        for name, entry in release["schemas"].items():
            found.setdefault(name, set()).add(entry["version"])
    return MappingProxyType({name: tuple(sorted(every, key=precedence)) for name, every in found.items()})


def precedence(version: str) -> tuple[int, int, int, int, int]:
    """Return a key that sorts versions: ``1.0.0-dev.2`` before ``1.0.0-rc.1`` before ``1.0.0``."""
    match = VERSION.fullmatch(version)
    if match is None:
        raise InvalidInputError(f"{version!r} is not a version of a schema", hint="such as 1.0.0 or 1.0.0-rc.1")
    numbers = int(match["major"]), int(match["minor"]), int(match["patch"])
    return (*numbers, _STAGES.index(match["stage"]), int(match["number"] or 0))


def is_frozen(version: str) -> bool:
    """Whether a version never changes any more: all but development versions."""
    match = VERSION.fullmatch(version)
    return match is not None and match["stage"] != "dev"


def read(name: str, version: str = CURRENT) -> dict[str, Any]:
    """Return one packaged schema. The caller must not change it.

    Raises:
        InvalidInputError: There is none of that name and version.
    """
    if version not in versions().get(name, ()):
        known = ", ".join(versions().get(name, ())) or f"no version; schemas: {', '.join(sorted(versions()))}"
        raise InvalidInputError(f"there is no schema {name} {version}", hint=f"known: {known}")
    document: dict[str, Any] = resources.read_json(f"{name}/{version}.json")
    return document


def choose(name: str, version: str | None = None) -> tuple[str, str]:
    """Return name and version of a packaged schema that somebody named; by default the newest version.

    Raises:
        InvalidInputError: There is none; the hint names the nearest, or all.
    """
    known = versions().get(name)
    if known is None:
        near = nearest(name, versions()) or next((each for each in versions() if each.endswith(f"/{name}")), "")
        hint = f"did you mean {near!r}?" if near else f"known are: {', '.join(sorted(versions()))}"
        raise InvalidInputError(f"there is no schema {name!r}", hint=hint)
    if version is not None and version not in known:
        raise InvalidInputError(f"{name} has no version {version}", hint=f"known are: {', '.join(known)}")
    return name, version or known[-1]


@cache
def documents() -> Mapping[str, dict[str, Any]]:
    """Return all packaged schemas by identifier."""
    return MappingProxyType(
        {schema_id(name, version): read(name, version) for name, every in versions().items() for version in every}
    )


@cache
def needed(name: str, version: str) -> Mapping[str, dict[str, Any]]:
    """Return a schema and those that it refers to, directly or not, by identifier."""
    found: dict[str, dict[str, Any]] = {}
    waiting = [(name, version)]
    while waiting:
        each = waiting.pop()
        if schema_id(*each) not in found:
            found[schema_id(*each)] = read(*each)
            text = resources.read_bytes(f"{each[0]}/{each[1]}.json").decode("utf-8")
            waiting += [named for target in _REFERENCE.findall(text) if (named := parse_id(target))]
    return MappingProxyType(found)


def node(location: str) -> Any:
    """Return what stands at an absolute location, ``<identifier>#<JSON Pointer>``.

    Raises:
        InvalidInputError: There is nothing.
    """
    identifier, _, fragment = location.partition("#")
    value = pointer.get(documents().get(identifier), fragment)
    if value is None:
        raise InvalidInputError(f"no schema has {location!r}")
    return value


@cache
def locations() -> Mapping[int, str]:
    """Return the absolute location of every object in the packaged schemas, by its ``id``."""
    found: dict[int, str] = {}
    stack: list[tuple[Any, str]] = [(document, f"{identifier}#") for identifier, document in documents().items()]
    while stack:
        value, at = stack.pop()
        members = value.items() if isinstance(value, dict) else enumerate(value)
        found[id(value)] = at
        for key, item in members:
            if isinstance(item, (dict, list)):
                stack.append((item, at + pointer.join([key])))
    return MappingProxyType(found)
