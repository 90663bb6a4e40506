"""What a training of CANDLE's restarts from: a series of ours, else a checkpoint that CANDLE itself wrote."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from candle_spec.checkpoint.layout import MANIFEST
from candle_spec.errors import CorruptFileError, MissingPathError
from candle_spec.series.candle_files import old_layouts
from candle_spec.series.candle_files.old_layouts import OldCheckpoint, Refused
from candle_spec.series.policy.params import CheckpointPolicy

POINTERS: Final = ("auto", "required", "last", "best")
"""Restart modes that name no certain checkpoint."""


def has_series(directory: Path) -> bool:
    """Whether a directory has a checkpoint of ours."""
    epochs = directory / "epochs"
    return epochs.is_dir() and any((folder / MANIFEST).is_file() for folder in epochs.iterdir())


def old_checkpoint(
    policy: CheckpointPolicy, directory: Path, output: str
) -> tuple[OldCheckpoint | None, list[Refused]]:
    """Return a checkpoint of CANDLE's own to restart from, and what was passed over.

    Args:
        policy: Its restart mode says where to look: in the directory, or at a path.
        directory: The checkpoint directory.
        output: The run's output, where CANDLE once put ``save/ckpts``.
    """
    mode = policy.restart_mode
    named = Path(mode) if mode not in POINTERS and not mode.isdigit() else None
    if named is None and (has_series(directory) or mode == "best" or mode.isdigit()):
        return None, []
    if named is not None and (not named.is_dir() or (named / MANIFEST).exists()):
        return None, []
    places = [named] if named is not None else [directory]
    if named is None and policy.directory is None:
        places.append(Path(output))
    passed: list[Refused] = []
    for place in places:
        found, refused = old_layouts.find(place, checksum=policy.checksum, require_json=policy.require_json)
        passed += refused
        if found is not None:
            return found, passed
    return None, passed


def nothing_to_restart_from(mode: str, passed: list[Refused], place: str) -> str:
    """Return what to say where there is no checkpoint; never begin from scratch where there was something.

    Raises:
        MissingPathError: A restart is required.
        CorruptFileError: There is something, and none of it can be used.
    """
    why = "; ".join(f"{each.folder}: {each.reason}" for each in passed)
    if mode == "required":
        raise MissingPathError(
            f"a restart is required, and there is no checkpoint{f' that can be used ({why})' if why else ''}",
            location=place,
            hint="ckpt_restart_mode auto starts from scratch then",
        )
    if passed:
        raise CorruptFileError(
            f"no checkpoint can be used: {why}", location=place, hint="ckpt_restart_mode off starts from scratch"
        )
    return f"no checkpoint in {place}: the training begins from scratch"
