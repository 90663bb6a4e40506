"""Native checkpoints with one thing wrong: cut off, a bit changed, a file missing; a bounded number of each."""

from __future__ import annotations

import random
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Final

_CUTS: Final = 15
_CHANGES: Final = 40
"""Of a single file."""
_OF_A_FOLDER: Final = 30
"""Damaged copies of a folder altogether, and at least one without each of its files."""


def damaged(native: Path, folder: Path) -> Iterator[Path]:
    """Yield damaged copies of a native checkpoint, one at a time; a copy is gone when the next one is asked for.

    Args:
        native: A file or a folder.
        folder: Where the copies are made; it exists.
    """
    chance = random.Random(7)  # noqa: S311 - not a secret
    copy = folder / "damaged"
    if native.is_file():
        data = native.read_bytes()
        cuts = [data[: len(data) * part // (_CUTS + 1)] for part in range(1, _CUTS + 1)]
        for content in [*cuts, *(_changed(data, chance) for _ in range(_CHANGES))]:
            copy.write_bytes(content)
            yield copy
            copy.unlink()
        return
    files = sorted(path.relative_to(native) for path in native.rglob("*") if path.is_file() and not path.is_symlink())
    count = max(_OF_A_FOLDER, len(files))
    turns = [(name, turn) for turn in range(-(-count // len(files))) for name in files]
    for name, turn in turns[:count]:
        shutil.copytree(native, copy, symlinks=True)
        _damage(copy / name, turn, chance)
        yield copy
        shutil.rmtree(copy)


def _damage(path: Path, turn: int, chance: random.Random) -> None:
    """Damage a file in a way of its own in each turn: missing, cut, changed, empty, then changed anew."""
    data = path.read_bytes()
    if turn == 0:
        path.unlink()
    elif turn == 1:
        path.write_bytes(data[: len(data) // 2])
    elif turn == 3 or not data:
        path.write_bytes(b"")
    else:
        path.write_bytes(_changed(data, chance))


def _changed(data: bytes, chance: random.Random) -> bytes:
    """Flip one bit anywhere."""
    changed = bytearray(data)
    changed[chance.randrange(len(data))] ^= 1 << chance.randrange(8)
    return bytes(changed)
