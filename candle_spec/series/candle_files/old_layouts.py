"""Checkpoints that CANDLE itself wrote, in every place where it ever put them.

Since May 2023 ``<ckpt_directory>/{last,best,epochs/NNN}``, before that below ``save/ckpts``, and in early 2021
``save/ckpt-good``; Uno's own code wrote ``save/model-ckpt.h5``. The model is ``model.h5`` whatever is in it.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from candle_spec.errors import CandleSpecError, CorruptFileError, MissingPartError
from candle_spec.series.candle_files import ckpt_info
from candle_spec.series.candle_files.ckpt_info import CkptInfo

ROOTS: Final = ("", "ckpts", "save/ckpts", "save")
"""Where CANDLE put its folders, below a checkpoint directory or one above it."""
_EPOCH: Final = re.compile(r"[0-9]{3,9}")
_UNO: Final = "model-ckpt.h5"


@dataclass(frozen=True, slots=True)
class OldCheckpoint:
    """One checkpoint of CANDLE's.

    Attributes:
        folder: Its folder.
        model: Its model file.
        info: Its note; ``None`` where there is none.
    """

    folder: Path
    model: Path
    info: CkptInfo | None


@dataclass(frozen=True, slots=True)
class Refused:
    """A place that was passed over, and why."""

    folder: Path
    reason: str


def candidates(directory: Path) -> Iterator[Path]:
    """Yield the folders in which a checkpoint may lie, the one to restart from first.

    ``last`` comes first, as users roll back by re-linking it; then the epochs, the newest first.
    """
    seen: set[Path] = set()
    for root in (directory / name for name in ROOTS):
        places = [root / "last", *_epochs(root / "epochs"), root / "ckpt-good"]
        for place in places:
            resolved = place.resolve()
            if place.is_dir() and resolved not in seen and not (place / "candle-checkpoint.json").exists():
                seen.add(resolved)
                yield place


def _epochs(folder: Path) -> list[Path]:
    if not folder.is_dir():
        return []
    named = [entry for entry in folder.iterdir() if _EPOCH.fullmatch(entry.name) and not ckpt_info.is_note_alone(entry)]
    # By number: 1000 comes after 999, not before 101.
    return sorted(named, key=lambda entry: int(entry.name), reverse=True)


def find(
    directory: Path, *, checksum: bool = True, require_json: bool = True
) -> tuple[OldCheckpoint | None, list[Refused]]:
    """Return the checkpoint to restart from, and what was passed over on the way to it.

    Args:
        directory: The checkpoint directory, or one above ``save``.
        checksum: Whether a stated CRC-32 is compared; a checkpoint that states none is taken.
        require_json: Whether a checkpoint without its note is passed over.
    """
    refused: list[Refused] = []
    for folder in candidates(directory):
        try:
            return _open(folder, checksum=checksum, require_json=require_json), refused
        except CandleSpecError as error:
            refused.append(Refused(folder, error.message))
    uno = [path for name in ROOTS if (path := directory / name / _UNO).is_file()]
    return (OldCheckpoint(uno[0].parent, uno[0], None) if uno else None), refused


def _open(folder: Path, *, checksum: bool, require_json: bool) -> OldCheckpoint:
    note = folder / ckpt_info.NAME
    info = ckpt_info.read(note) if require_json or note.is_file() else None
    model = folder / (Path(info.model_file).name if info else "model.h5")
    if not model.is_file():
        raise MissingPartError(f"{model.name} is not there", location=str(folder))
    if checksum and info is not None and info.crc32 is not None:
        found = crc32(model)
        if found != info.crc32:
            raise CorruptFileError(
                f"the CRC-32 of {model.name} is {found}, {note.name} states {info.crc32}", location=str(folder)
            )
    return OldCheckpoint(folder, model, info)


def crc32(path: Path) -> int:
    """Return the CRC-32 of a file, as CANDLE's notes state it."""
    state = 0
    with path.open("rb") as file:
        while block := file.read(1 << 20):
            state = zlib.crc32(block, state)
    return state
