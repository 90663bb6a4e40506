"""Migrations: documents of old versions become documents of newer ones, by small steps that are data.

**To add a version of the manifest**: write ``schemas/checkpoint/<new>.json`` with its examples, make ``<new>`` the
current version in ``collection.py``, run ``python tools/regen.py``, and write one file here,
``v<old>_to_v<new>.py`` with ``_`` for every ``.`` and ``-``, that has

* ``FROM`` and ``TO``, the two versions;
* ``CHANGES``: for each kind of document, by the name of its schema, what is different, as a sequence of the changes
  of :mod:`candle_spec.manifest.changes`. A kind of document that is not named has no version of its own;
* ``schema_id(name)``, only where the identifiers of schemas had another form than now.

Nothing else: steps are found by scanning this package, and put in order by their versions. The same document and the
same files always give the same result; ``$schema`` and ``schema_version`` are set by :func:`migrate` here, and
``manifest_digest`` is taken out: the seal no longer fits. Only steps upwards exist.
"""

from __future__ import annotations

import importlib
import pkgutil
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Any, Final

from candle_spec import limits, pointer
from candle_spec.errors import CorruptFileError, InvalidInputError, UnknownVersionError
from candle_spec.manifest import changes as kinds
from candle_spec.manifest import collection
from candle_spec.manifest.changes import Change, Document, Facts


@dataclass(frozen=True, slots=True)
class Step:
    """One step: from one version to the next.

    Attributes:
        source: The version that it starts from.
        target: The version that it leads to.
        changes: What is different, by the name of the schema.
        identifier: Gives the identifier that a schema of the old version had, by name; by default the usual one.
    """

    source: str
    target: str
    changes: Mapping[str, Sequence[Change]]
    identifier: Callable[[str], str] | None = field(default=None)

    def schema_id(self, name: str) -> str:
        """Return the identifier that a schema of the old version had."""
        return self.identifier(name) if self.identifier else collection.schema_id(name, self.source)


class _Nothing:
    """Knows no file."""

    def header(self, path: str) -> None:
        """No file is here."""

    def unpacked(self, path: str, size: int) -> None:
        """No file is here."""

    def is_place(self, path: str, root: str) -> None:
        """No file is here."""

    def tensors(self, path: str) -> None:
        """No file is here."""

    def is_code(self, path: str) -> None:
        """No file is here."""


_HEAD: Final = 4096
_STATED: Final = re.compile(rb'"schema_version"\s*:\s*"([^"]{1,40})"')
"""Where a writer puts the version: into the first lines."""

NO_FILES: Final[Facts] = _Nothing()
"""For a document alone: what only files tell is left out."""


@cache
def steps() -> tuple[Step, ...]:
    """Return the steps of this package, in order."""
    return ordered(_step(info.name) for info in pkgutil.iter_modules(__path__) if not info.name.startswith("_"))


def _step(name: str) -> Step:
    module = importlib.import_module(f"{__name__}.{name}")
    step = Step(module.FROM, module.TO, module.CHANGES, getattr(module, "schema_id", None))
    expected = f"v{_plain(step.source)}_to_v{_plain(step.target)}"
    if name != expected:
        raise InvalidInputError(
            f"the migration {name}.py goes {step.source} -> {step.target}", hint=f"call it {expected}.py"
        )
    return step


def _plain(version: str) -> str:
    return version.replace(".", "_").replace("-", "_")


def ordered(found: Iterable[Step]) -> tuple[Step, ...]:
    """Return steps in the order of their versions.

    Raises:
        InvalidInputError: A step goes downwards, or two start from the same version.
    """
    result = sorted(found, key=lambda step: collection.precedence(step.source))
    for step in result:
        if collection.precedence(step.source) >= collection.precedence(step.target):
            raise InvalidInputError(f"the migration {step.source} -> {step.target} does not go upwards")
    for one, other in pairwise(result):
        if one.source == other.source:
            raise InvalidInputError(f"two migrations start from {one.source}")
    return tuple(result)


def chain(source: str, target: str = collection.CURRENT, known: Iterable[Step] | None = None) -> list[Step]:
    """Return the steps that lead from one version to another; none where they are the same.

    Raises:
        UnknownVersionError: No steps lead there.
    """
    by_source = {step.source: step for step in (steps() if known is None else ordered(known))}
    found: list[Step] = []
    at = source
    while at != target:
        step = by_source.get(at)
        if step is None or collection.precedence(step.target) > collection.precedence(target):
            raise UnknownVersionError(
                f"no migration leads from version {source} to {target}",
                hint="convert the native checkpoint again, or use the package that wrote this",
                code="CKP1011",
            )
        found.append(step)
        at = step.target
    return found


def is_older(document: Any) -> bool:
    """Whether a document states a version from which steps lead to the current one."""
    stated = document.get("schema_version") if isinstance(document, dict) else None
    return isinstance(stated, str) and any(step.source == stated for step in steps())


def manifest_bound(path: Path) -> int:
    """Return how many bytes a manifest may have: development versions bounded theirs like any other document."""
    if path.stat().st_size <= limits.MANIFEST_BYTES:
        return limits.MANIFEST_BYTES
    with path.open("rb") as file:
        stated = _STATED.search(file.read(_HEAD))
    loose = (step.source.encode() for step in steps() if not collection.is_frozen(step.source))
    return limits.JSON_BYTES if stated and stated[1] in loose else limits.MANIFEST_BYTES


def schema_of(document: Mapping[str, Any]) -> str | None:
    """Return the name of the schema of a document of an older version; ``None`` where it is none of the format."""
    for step in steps():
        if document.get("schema_version") == step.source:
            return next((name for name in step.changes if document.get("$schema") == step.schema_id(name)), None)
    return None


def migrate(
    document: Mapping[str, Any],
    to: str = collection.CURRENT,
    *,
    schema: str = "checkpoint",
    facts: Facts = NO_FILES,
    known: Iterable[Step] | None = None,
) -> Document:
    """Return a document of version ``to``; the given one is not changed.

    Args:
        document: A document that states its version.
        to: The version wanted.
        schema: Name of its schema.
        facts: What only files tell.
        known: Steps to use; by default those of this package.

    Raises:
        UnknownVersionError: No steps lead from the document's version to ``to``.
        CorruptFileError: It is another document than it should be, contradicts itself, or a file contradicts it.
    """
    source = document.get("schema_version")
    if not isinstance(source, str) or not collection.VERSION.fullmatch(source):
        raise UnknownVersionError("the document states no version", hint="schema_version is missing or malformed")
    result: Document = pointer.copied(dict(document))
    for step in chain(source, to, known):
        if result.get("$schema") != step.schema_id(schema):
            message = f"'$schema' is {result.get('$schema')!r}, not {step.schema_id(schema)!r}"
            raise CorruptFileError(message, location="/$schema", code="CKP1012")
        result = kinds.changed(result, step.changes[schema], facts)
        result |= {"$schema": collection.schema_id(schema, step.target), "schema_version": step.target}
        result.pop("manifest_digest", None)
    return result


def moved(at: str, source: str, to: str = collection.CURRENT, *, schema: str = "checkpoint") -> str | None:
    """Return where a JSON Pointer into a document of an old version leads in that of a newer one; ``None``: nowhere."""
    place: str | None = at
    for step in chain(source, to):
        place = None if place is None else kinds.moved(place, step.changes[schema])
    return place
