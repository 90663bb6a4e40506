"""Checkpoints whose weights files are larger than one upload takes: copies of them that fit, beside them.

The copy stays: it is what was published, and the next run goes on with it.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from candle_spec.atomic import Fs
from candle_spec.checkpoint.checkpoint import Checkpoint
from candle_spec.conversion.reshard import reshard
from candle_spec.digests import Progress, no_progress
from candle_spec.errors import OutputExistsError
from candle_spec.modac.settings import Settings
from candle_spec.series.outline import epochs_of, is_series

ROOM: Final = 1 << 16
"""Bytes of a request beside the file: metadata and boundaries."""

COPY: Final = ".resharded"
"""Behind the name of a checkpoint (or of a series, whose epochs are then in a folder of that name)."""

_OF_THE_LAYOUT: Final = frozenset(("files", "weights", "manifest_digest"))
_IDENTITY: Final = ("content_digest", "values_digest", "state_digest")


def largest_file(settings: Settings) -> int:
    """Return the bytes of the largest file that fits into one upload."""
    return settings.request_limit - ROOM


def reshard_command(checkpoint: Path, settings: Settings) -> str:
    """Return the command that makes a copy of a checkpoint whose weights fit."""
    most = max(largest_file(settings), 1)
    size = f"{most >> 20}MiB" if most >= 1 << 20 else f"{most}B"
    return f"candle-spec reshard {checkpoint} {checkpoint}{COPY} --shard-size {size}"


def too_large(source: Path, settings: Settings) -> dict[Path, int]:
    """Return each checkpoint with a weights file that does not fit into one upload, and the bytes of its weights.

    Args:
        source: A checkpoint, or a series.
        settings: They say how much one upload takes.
    """
    checkpoints = epochs_of(source) if is_series(source) else [source]
    sizes = {checkpoint: _weights(Checkpoint(checkpoint).document).values() for checkpoint in checkpoints}
    most = largest_file(settings)
    return {checkpoint: sum(each) for checkpoint, each in sizes.items() if max(each, default=0) > most}


def fitting_copies(source: Path, settings: Settings, progress: Progress = no_progress) -> dict[Path, Path]:
    """Make a copy that fits of every checkpoint of ``source`` that does not; returns the copies by checkpoint.

    Args:
        source: A checkpoint, or a series.
        settings: They say how much one upload takes.
        progress: Called with bytes written.

    Raises:
        OutputExistsError: A copy is there already and is not one of this checkpoint as it is now.
        LimitExceededError: A single tensor is larger than one upload.
        CandleSpecError: See :func:`candle_spec.conversion.reshard.reshard`.
    """
    most, made = largest_file(settings), {}
    home = source.with_name(source.name + COPY)
    for checkpoint in too_large(source, settings):
        target = home if checkpoint == source else home / checkpoint.name
        if target.exists():
            _refuse_other(Checkpoint(checkpoint), target, most)
        else:
            if not target.parent.exists():
                Fs().make_folder(target.parent)
            reshard(checkpoint, target, most, file_digests=True, progress=progress)
        made[checkpoint] = target
    return made


def _weights(manifest: Mapping[str, Any]) -> dict[str, int]:
    """Sizes of the weights files."""
    named = {path for group in manifest["weights"].get("groups", ()) for path in group["files"]}
    return {row["path"]: row["size"] for row in manifest["files"] if row["path"] in named}


def _refuse_other(checkpoint: Checkpoint, copy: Path, most: int) -> None:
    """Refuse a copy of another checkpoint, or of an older form of this one, or with larger files."""
    old, new = checkpoint.document, Checkpoint(copy).document
    members = (old.keys() | new.keys()) - _OF_THE_LAYOUT
    same = all(old.get(name) == new.get(name) for name in members)
    same = same and all(old["weights"].get(name) == new["weights"].get(name) for name in _IDENTITY)
    if not same or any(size > most for size in _weights(new).values()):
        raise OutputExistsError(
            "something else stands where the re-sharded copy is to come", location=str(copy), hint="remove it"
        )
