"""Migrations: documents of old versions become documents of newer ones, by small pure steps.

**To add a version of the manifest**: write ``schemas/checkpoint/<new>.json`` with its examples, make ``<new>`` the
current version in ``collection.py``, run ``python tools/regen.py``, and write one file here,
``v<old>_to_v<new>.py`` with ``_`` for every ``.`` and ``-``, that has

* ``FROM`` and ``TO``, the two versions;
* ``def migrate(document)``, which returns the document of version ``TO``. It gets a copy of its own, which it may
  change in place; it reads nothing else, and the same document always gives the same result. ``$schema`` and
  ``schema_version`` are set by :func:`migrate` here, and ``manifest_digest`` is taken out: the seal no longer fits.

Nothing else: steps are found by scanning this package, and put in order by their versions. Only steps upwards exist.
"""

from __future__ import annotations

import copy
import importlib
import pkgutil
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from typing import Any

from candle_spec.errors import InvalidInputError, UnknownVersionError
from candle_spec.manifest import collection

Document = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Step:
    """One step: from one version to the next."""

    source: str
    target: str
    run: Callable[[Document], Document]


@cache
def steps() -> tuple[Step, ...]:
    """Return the steps of this package, in order."""
    return ordered(_step(info.name) for info in pkgutil.iter_modules(__path__) if not info.name.startswith("_"))


def _step(name: str) -> Step:
    module = importlib.import_module(f"{__name__}.{name}")
    step = Step(module.FROM, module.TO, module.migrate)
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


def chain(source: str, target: str, known: Iterable[Step] | None = None) -> list[Step]:
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


def migrate(
    document: Mapping[str, Any],
    to: str = collection.CURRENT,
    *,
    schema: str = "checkpoint",
    known: Iterable[Step] | None = None,
) -> Document:
    """Return a document of version ``to``; the given one is not changed.

    Args:
        document: A document that states its version.
        to: The version wanted.
        schema: Name of its schema.
        known: Steps to use; by default those of this package.

    Raises:
        UnknownVersionError: No steps lead from the document's version to ``to``.
    """
    source = document.get("schema_version")
    if not isinstance(source, str) or not collection.VERSION.fullmatch(source):
        raise UnknownVersionError("the document states no version", hint="schema_version is missing or malformed")
    result: Document = copy.deepcopy(dict(document))
    for step in chain(source, to, known):
        result = step.run(result)
        result |= {"$schema": collection.schema_id(schema, step.target), "schema_version": step.target}
        result.pop("manifest_digest", None)
    return result
