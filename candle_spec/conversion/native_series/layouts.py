"""Find the series in a folder. To add a layout: a module with ``find(folder)``, and its line here."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Final

from candle_spec.checkpoint.layout import MANIFEST
from candle_spec.conversion.native_series import candle_folders, numbered, trainer_folders
from candle_spec.conversion.native_series.members import LEAST, NativeSeries
from candle_spec.errors import CandleSpecError, InvalidInputError, MissingPathError
from candle_spec.series.layout import Layout

LAYOUTS: Final[tuple[Callable[[Path], NativeSeries | None], ...]] = (
    candle_folders.find,
    trainer_folders.find,
    numbered.find,
)
"""In the order in which they are asked: what needs a note of its own before what only numbers its files."""


def find(folder: str | Path) -> NativeSeries:
    """Return the native checkpoints of one training that lie in a folder.

    Raises:
        MissingPathError: There is no such folder.
        InvalidInputError: It holds no series, several, or one of the common format.
    """
    real = Path(folder).resolve()
    if not real.is_dir():
        raise MissingPathError("there is no such folder", location=str(folder))
    if (real / MANIFEST).exists() or Layout(real).record.is_file():
        raise InvalidInputError(
            "this is of the common format already", location=str(folder), hint="candle-spec series ls"
        )
    for layout in LAYOUTS:
        found = layout(real)
        if found is not None and found.members:
            return found
    raise InvalidInputError(
        "no series of native checkpoints lies here",
        location=str(folder),
        hint="known: CANDLE's ckpts, checkpoint-<step> of the Trainer, files with an epoch or a step in their names",
    )


def looks_like_one(folder: str | Path) -> bool:
    """Whether a folder holds several checkpoints of one training, to say so where one was expected."""
    try:
        return len(find(folder).members) >= LEAST
    except CandleSpecError:
        return False
