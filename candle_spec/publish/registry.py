"""Find destinations: every one is announced by the entry point group ``candle_spec.destinations``, ours like others'.

One is loaded when it is asked for by its name. Of two with one name ours counts, else that of the package whose name
comes last.
"""

from __future__ import annotations

import sys
import warnings
from collections.abc import Mapping
from functools import lru_cache
from typing import TYPE_CHECKING, Final, cast

from candle_spec.errors import InvalidInputError
from candle_spec.plugins import entry_points

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

    from candle_spec.publish.destination import Destination
    from candle_spec.repositories.packs.library import Library
    from candle_spec.repositories.packs.pack import Pack

GROUP: Final = "candle_spec.destinations"
_OURS: Final = "candle-spec"
_MEMBERS: Final = ("title", "about", "form", "options", "informed", "prepared", "published")


def names() -> list[str]:
    """Return the names of all destinations, sorted; none is loaded."""
    return sorted(_announced(tuple(sys.path)))


def find(name: str) -> Destination | None:
    """Return a destination by its name, ``None`` where there is none.

    Raises:
        InvalidInputError: It cannot be loaded, or is none; the message names its package.
    """
    point = _announced(tuple(sys.path)).get(name)
    return None if point is None else _loaded(point)


def template(library: Library, wanted: str) -> Pack:
    """Return a template, with what its destination learnt of the service; see ``search.choose`` of the repositories.

    Raises:
        InvalidInputError: There is no such template.
    """
    from candle_spec.repositories.packs import search

    pack = search.choose(library, wanted)
    try:
        destination = find(pack.id)
    except InvalidInputError as error:  # a template is of use without it
        warnings.warn(str(error), stacklevel=2)
        return pack
    return pack if destination is None else destination.informed(pack)


@lru_cache(maxsize=1)
def _announced(path: tuple[str, ...]) -> Mapping[str, EntryPoint]:
    """Return what is announced by the packages that Python finds along a path."""
    points = sorted(entry_points(GROUP), key=lambda point: (_owner(point) == _OURS, _owner(point)))
    return {point.name: point for point in points}


def _owner(point: EntryPoint) -> str:
    return point.dist.name if point.dist else ""


def _loaded(point: EntryPoint) -> Destination:
    try:
        destination = point.load()
        missing = [member for member in _MEMBERS if not hasattr(destination, member)]
        if missing:
            raise TypeError(f"it has no {missing[0]!r}")
    except Exception as error:
        owner = f"{point.dist.name}=={point.dist.version}" if point.dist else "an unknown package"
        raise InvalidInputError(f"the destination {point.name!r} of {owner} cannot be used: {error}") from error
    return cast("Destination", destination)
