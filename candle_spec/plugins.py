"""Packages of others that announce converters or templates by entry points.

https://packaging.python.org/en/latest/specifications/entry-points/. Loading :mod:`importlib.metadata` and asking it
takes longer than all else that ``inspect`` loads, and mostly there is nobody to find: so the files that announce are
looked at first, and it is loaded only where one of them names the group, or where packages lie in no folder.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint


def entry_points(group: str) -> Sequence[EntryPoint]:
    """Return the entry points of a group, of all packages that Python finds."""
    if not any(_may_announce(place or os.curdir, group.encode()) for place in sys.path):
        return ()
    from importlib import metadata

    return tuple(metadata.entry_points(group=group))


def _may_announce(place: str, group: bytes) -> bool:
    """Whether a place on Python's path holds a package that names the group; a zip file of packages may."""
    try:
        entries = os.scandir(place)
    except NotADirectoryError:
        return True
    except OSError:
        return False  # Python passes over such a place, too
    with entries:
        return any(
            entry.name.endswith((".dist-info", ".egg-info", ".egg")) and _names(entry.path, group) for entry in entries
        )


def _names(package: str, group: bytes) -> bool:
    if package.endswith(".egg"):
        return True  # a folder or an archive with everything in it
    try:
        with open(os.path.join(package, "entry_points.txt"), "rb") as file:
            return group in file.read()
    except OSError:
        return False  # it announces nothing
