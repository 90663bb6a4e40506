"""Names and paths that MoDaC can hold: it does not decode what a browser would encode, and cuts some words.

The service takes the raw request path and encodes it again, so that a space arrives as ``%20``; a path segment that is
also a word of its routes cuts the path there (https://github.com/CBIIT/nci-doe-data-sharing,
``RestAPICommonController``).
"""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections.abc import Iterable
from typing import Final

from candle_spec.checkpoint.layout import path_fault
from candle_spec.errors import InvalidInputError, UnsafeContentError

PATH_LENGTH: Final = 500
"""Characters of the whole path of an asset (a column of the service's data base)."""

RESERVED: Final = frozenset("collection dataObject download query syncDownload generateDownloadRequestURL".split())
"""Words of the service's routes; as a segment of a path they cut it."""

_SEGMENT: Final = re.compile(r"[A-Za-z0-9._-]+")
_IDENTIFIER: Final = re.compile(r"[A-Za-z0-9_-]+")


def segment_fault(segment: str) -> str:
    """Return why a text cannot be one segment of a path at MoDaC, or ``""``."""
    if not _SEGMENT.fullmatch(segment):
        return "only letters, digits, '.', '_' and '-' reach the service unchanged"
    if segment.strip(".") == "":
        return "a segment of dots is refused by the service"
    if segment in RESERVED:
        return "this word is part of the service's own routes and would cut the path"
    return ""


def identifier_fault(identifier: str) -> str:
    """Return why a text cannot be the identifier of a program, study or asset, or ``""``."""
    if not _IDENTIFIER.fullmatch(identifier):
        return "an identifier has letters, digits, '_' and '-' only"
    return segment_fault(identifier)


def path_problem(path: str) -> str:
    """Return why a whole path (``/NCI_DOE_Archive/…``) cannot be used, or ``""``."""
    if not path.startswith("/"):
        return "the path does not start with '/'"
    if len(path) > PATH_LENGTH:
        return f"the path has {len(path)} characters, more than {PATH_LENGTH}"
    for segment in path[1:].split("/"):
        if fault := segment_fault(segment):
            return f"segment {segment!r}: {fault}"
    return ""


def checked_path(path: str) -> str:
    """Return ``path`` with one ``/`` before it and none behind it.

    Raises:
        InvalidInputError: It cannot be a path at MoDaC.
    """
    path = "/" + path.strip("/")
    if fault := path_problem(path):
        raise InvalidInputError(f"{path!r} cannot be used at MoDaC: {fault}")
    return path


def parent(path: str) -> str:
    """Return the path above; ``/`` above the first segment."""
    return path.rpartition("/")[0] or "/"


def identifier_from(text: str) -> str:
    """Return a stable identifier made from a name: ``Uno 1.2`` becomes ``Uno_1__2``; ``""`` where nothing is left."""
    plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode("ascii")
    plain = re.sub(r"\s+", "_", plain.strip()).replace(".", "__")
    made = re.sub(r"[^A-Za-z0-9_-]", "", plain)
    return f"{made}_" if made in RESERVED else made


def flat_names(paths: Iterable[str]) -> dict[str, str]:
    """Return for each file of a checkpoint its name in one flat asset.

    Folders are joined with ``__``; what MoDaC cannot hold becomes ``_``. A name that was changed and meets another one
    gets eight digits of the digest of its path, so that a name depends on no order.
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
    """Return the name in a flat asset of a file whose plain name is taken."""
    stem, dot, suffix = _flat(path).partition(".")
    return f"{stem}-{hashlib.sha256(path.encode()).hexdigest()[:8]}{dot}{suffix}"


def safe_local_path(path: str, *, location: str) -> str:
    """Return a path that a stranger gave for a file of a checkpoint, if it may be written there.

    Raises:
        UnsafeContentError: It leaves the folder, or is no path that every system can store.
    """
    if fault := path_fault(path):
        raise UnsafeContentError(f"the path {path!r} cannot be used: {fault}", location=location)
    return path
