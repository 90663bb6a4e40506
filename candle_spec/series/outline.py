"""A series as its folder shows it, whoever wrote it: which checkpoints there are, and what ``best`` and ``last`` name.

Nothing is locked, and nothing but names is read: what is published may have come from another machine.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

from candle_spec.checkpoint.layout import MANIFEST
from candle_spec.errors import InvalidInputError, MissingPathError

EPOCHS: Final = "epochs"
"""Folder of the checkpoints of a series."""


def is_series(path: Path) -> bool:
    """Whether a folder holds the checkpoints of a training run."""
    return (path / EPOCHS).is_dir() and not (path / MANIFEST).is_file()


def epochs_of(path: Path) -> list[Path]:
    """Return the checkpoints of a series, by number.

    Raises:
        MissingPathError: There is none.
    """
    found = [one for one in (path / EPOCHS).iterdir() if one.name.isdigit() and (one / MANIFEST).is_file()]
    if not found:
        raise MissingPathError("this series has no checkpoint", location=str(path))
    return sorted(found, key=lambda one: int(one.name))


def pointers_of(source: Path) -> dict[str, str]:
    """Return what ``best`` and ``last`` of a series name: ``epochs/003``.

    Raises:
        InvalidInputError: One of them names no epoch.
    """
    found: dict[str, str] = {}
    for name in ("best", "last"):
        link, text = source / name, source / f"{name}.txt"
        if link.is_symlink():
            found[name] = link.readlink().as_posix()
        elif text.is_file():
            found[name] = text.read_text(encoding="utf-8").strip()
    for value in found.values():
        if not value.removeprefix(f"{EPOCHS}/").isdigit():
            raise InvalidInputError(f"best or last names {value!r}, which is no epoch", location=str(source))
    return found
