"""Paths of files that every system can store, and when two of them are one on some system.

What is compared is defined by one version of Unicode, shipped as ``schemas/vocabularies/unicode.json``: of code points
that it assigns, no later version changes the normal form or the case folding, so that Python's own are used for them.
"""

from __future__ import annotations

import bisect
import re
import unicodedata
from functools import cache
from typing import Final

from candle_spec import resources

_TABLE: Final = "vocabularies/unicode.json"

_DEVICES: Final = frozenset(
    ["con", "prn", "aux", "nul", "conin$", "conout$"]
    + [f"{port}{number}" for port in ("com", "lpt") for number in (*range(10), "¹", "²", "³")]
)
"""Names that are devices of Windows, with any ending
(https://learn.microsoft.com/en-us/windows/win32/fileio/naming-a-file)."""

_FORBIDDEN: Final = re.compile(r'[\x00-\x1f\x7f<>:"|?*\\]')
_LONGEST: Final = 255


def path_fault(path: str) -> str:
    """Return why ``path`` cannot be a file of a checkpoint, or ``""``.

    The faults are those that leave the folder (``"absolute"``, ``"parent"``) and those that some system cannot store
    (``"unportable: …"``).
    """
    if leaves := leaving(path):
        return leaves
    for part in path.split("/"):
        if fault := _part_fault(part):
            return f"unportable: {fault}"
    return ""


def leaving(path: str) -> str:
    """Return how a path leaves the folder, ``"absolute"`` or ``"parent"``, or ``""`` where it stays inside."""
    if path.startswith(("/", "\\")) or re.match(r"[A-Za-z]:", path):
        return "absolute"
    return "parent" if ".." in path.split("/") else ""


def _part_fault(part: str) -> str:
    if part in ("", "."):
        return "an empty part"
    if _FORBIDDEN.search(part):
        return "a character that Windows cannot store"
    if part.endswith((".", " ")):
        return "a name ending with a dot or a space"
    if _is_device(part):
        return f"{part} is a device on Windows"
    if len(part.encode("utf-8", "surrogatepass")) > _LONGEST:
        return f"a name longer than {_LONGEST} bytes"
    if unassigned := next((char for char in part if not is_assigned(char)), ""):
        return f"the code point U+{ord(unassigned):04X}, which Unicode {_unicode()} does not assign"
    return "" if unicodedata.is_normalized("NFC", part) else "a name that is not in normal form C (NFC)"


def _is_device(part: str) -> bool:
    return part.partition(".")[0].rstrip(" ").lower() in _DEVICES


def portable_name(name: str) -> str:
    """Return a file name that every system can store: what one of them cannot becomes ``_``."""
    name = unicodedata.normalize("NFC", "".join(char if is_assigned(char) else "_" for char in name))
    name = _FORBIDDEN.sub("_", name).rstrip(". ") or "_"
    while len(name.encode()) > _LONGEST:
        name = name[:-1].rstrip(". ")
    return f"_{name}" if _is_device(name) else name


def folded(path: str) -> str:
    """Return what two paths have in common that some system cannot keep apart: case folding (C and F), then NFC."""
    return path.lower() if path.isascii() else unicodedata.normalize("NFC", path.casefold())


def is_assigned(char: str) -> bool:
    """Whether the one version of Unicode assigns a code point; halves of surrogate pairs are none."""
    if char.isascii():
        return True
    starts, ends = _assigned()
    at = bisect.bisect_right(starts, ord(char)) - 1
    return at >= 0 and ord(char) <= ends[at]


@cache
def _assigned() -> tuple[list[int], list[int]]:
    ranges = resources.read_json(_TABLE)["assigned"]
    return [first for first, _ in ranges], [last for _, last in ranges]


def _unicode() -> str:
    return str(resources.read_json(_TABLE)["unicode"])
