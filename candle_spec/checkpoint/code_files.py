"""Files that could run when somebody opens them: programs, scripts and pickles, by name or by first bytes."""

from __future__ import annotations

from typing import Final

START: Final = 8
"""Bytes from the start of a file that are looked at."""

_SUFFIXES: Final = tuple(
    ".py .pyc .pyd .so .dll .dylib .exe .sh .bat .cmd .ps1 .jar .pkl .pickle .joblib .pt .pth .ckpt .dill".split()
)
_STARTS: Final = (
    (b"\x7fELF", "a program for Linux"),
    (b"MZ", "a program for Windows"),
    (b"#!", "a script"),
    (b"\xcf\xfa\xed\xfe", "a program for macOS"),
)


def kind_of_code(name: str, start: bytes) -> str:
    """Return what kind of code a file with this name and these first bytes is; nothing if it looks like none."""
    if name.lower().endswith(_SUFFIXES):
        return "a file of code or pickles by its name"
    for magic, what in _STARTS:
        if start.startswith(magic):
            return what
    return "a pickle" if start[:1] == b"\x80" and len(start) > 1 and start[1:2] in b"\x02\x03\x04\x05" else ""
