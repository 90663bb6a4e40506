"""Names and paths that MoDaC can hold: it does not decode what a browser would encode, and cuts some words.

The service takes the raw request path and encodes it again, so that a space arrives as ``%20``; a path segment that is
also a word of its routes cuts the path there (https://github.com/CBIIT/nci-doe-data-sharing,
``RestAPICommonController``).
"""

from __future__ import annotations

import re
from typing import Final

from candle_spec.errors import InvalidInputError
from candle_spec.remote.names import segment_fault

PATH_LENGTH: Final = 500
"""Characters of the whole path of an asset (a column of the service's data base)."""


_IDENTIFIER: Final = re.compile(r"[A-Za-z0-9_-]+")


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
