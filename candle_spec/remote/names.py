"""Names that every service can hold: letters, digits and three signs, in one flat folder."""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections.abc import Iterable
from typing import Final

RESERVED: Final = frozenset("collection dataObject download query syncDownload generateDownloadRequestURL".split())
"""Words of MoDaC's routes; as a segment of a path they cut it."""

_SEGMENT: Final = re.compile(r"[A-Za-z0-9._-]+")


def segment_fault(segment: str) -> str:
    """Return why a text cannot be one segment of a path at every service, or ``""``."""
    if not _SEGMENT.fullmatch(segment):
        return "only letters, digits, '.', '_' and '-' reach the service unchanged"
    if segment.strip(".") == "":
        return "a segment of dots is refused by the service"
    if segment in RESERVED:
        return "this word is part of the service's own routes and would cut the path"
    return ""


def identifier_from(text: str) -> str:
    """Return a stable identifier made from a name: ``Uno 1.2`` becomes ``Uno_1__2``; ``""`` where nothing is left."""
    plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode("ascii")
    plain = re.sub(r"\s+", "_", plain.strip()).replace(".", "__")
    made = re.sub(r"[^A-Za-z0-9_-]", "", plain)
    return f"{made}_" if made in RESERVED else made


def flat_names(paths: Iterable[str]) -> dict[str, str]:
    """Return for each file of a folder its name where there are no folders.

    Folders are joined with ``__``; what a service cannot hold becomes ``_``. A name that was changed and meets another
    one gets eight digits of the digest of its path, so that a name depends on no order.
    """
    made = {path: _flat(path) for path in sorted(paths)}
    counts: dict[str, int] = {}
    for name in made.values():
        counts[name.lower()] = counts.get(name.lower(), 0) + 1
    return {
        path: name if counts[name.lower()] == 1 or name == path else marked_name(path) for path, name in made.items()
    }


def _flat(path: str) -> str:
    name = re.sub(r"[^A-Za-z0-9._-]", "_", path.replace("/", "__"))
    return f"_{name}" if segment_fault(name) else name


def marked_name(path: str) -> str:
    """Return the flat name of a file whose plain name is taken."""
    stem, dot, suffix = _flat(path).partition(".")
    return f"{stem}-{hashlib.sha256(path.encode()).hexdigest()[:8]}{dot}{suffix}"
