"""The live checkpoints of a series: found by their manifests, never by time stamps or the order of names."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from candle_spec.checkpoint import manifest_file
from candle_spec.checkpoint.checkpoint import Checkpoint
from candle_spec.checkpoint.file_content import FileContent, stated_content
from candle_spec.checkpoint.layout import MANIFEST
from candle_spec.errors import CandleSpecError, CorruptFileError
from candle_spec.series.candle_files.ckpt_info import is_note_alone
from candle_spec.series.layout import Layout, epoch_of
from candle_spec.series.record import Point


@dataclass(frozen=True, slots=True)
class Held:
    """A file that a live checkpoint holds: where it is, and what its bytes are."""

    path: Path
    content: FileContent

    @property
    def size(self) -> int:
        """Its bytes."""
        return self.content.size


@dataclass(frozen=True, slots=True)
class Live:
    """One checkpoint that exists: its folder has a final name, its manifest is sealed, its files have their sizes.

    Attributes:
        path: Its folder.
        point: Epoch, step and state.
        run_id: The run that saved it, ``""`` where it does not say.
        attempt: The attempt, 0 where it does not say.
        content_digest: Identity of the model.
        manifest_digest: Identity of the checkpoint.
        created: RFC 3339.
        metrics: What the training measured.
        files: Path and size of every listed file.
        contents: Its files by what is in them (:attr:`FileContent.key`).
    """

    path: Path
    point: Point
    run_id: str
    attempt: int
    content_digest: str
    manifest_digest: str
    created: str
    metrics: Mapping[str, float]
    files: Mapping[str, Held]
    contents: Mapping[str, Held]

    @property
    def age(self) -> tuple[int, int, int]:
        """What sorts checkpoints by when they were saved."""
        return self.attempt, *self.point.order

    def inodes(self) -> set[tuple[int, int]]:
        """Return what its files really are: two names of one file share every bad block."""
        return {identity for held in self.files.values() if (identity := inode(held.path))}


def inode(path: Path) -> tuple[int, int] | None:
    """Return device and inode of a file, ``None`` where it is not there."""
    try:
        status = os.stat(path)
    except FileNotFoundError:
        return None
    return status.st_dev, status.st_ino


def read_live(path: Path) -> Live:
    """Read one checkpoint of a series; its files are not read, only counted and measured.

    Raises:
        CandleSpecError: It is none: no manifest, no seal, a broken one, a file missing or of another size.
    """
    checkpoint = Checkpoint(path)
    manifest, stated = checkpoint.document, checkpoint.as_written.get("manifest_digest")
    if stated is None:
        raise CorruptFileError("the checkpoint is not sealed", location=str(path))
    if stated != manifest_file.manifest_digest(checkpoint.as_written):
        raise CorruptFileError(f"{MANIFEST}: it was changed after it was sealed", location=str(path), code="CKP2020")
    arrays = stored_arrays(checkpoint)
    files = {
        row["path"]: Held(path / row["path"], stated_content(row, arrays.get(row["path"], {})))
        for row in manifest["files"]
    }
    for name, held in files.items():
        size = checkpoint.file(name).stat().st_size
        if size != held.size:
            message = f"{name}: it has {size} bytes, not {held.size}"
            raise CorruptFileError(message, location=str(path), code="CKP3002")
    return _live(path, checkpoint, files)


def _live(path: Path, checkpoint: Checkpoint, files: Mapping[str, Held]) -> Live:
    manifest, state = checkpoint.document, checkpoint.document.get("training_state", {})
    lineage = manifest.get("lineage", {})
    named = epoch_of(path.name)
    epoch = state.get("epoch", named if named is not None else 0)
    contents = {held.content.key: held for held in files.values()}
    return Live(
        path=path,
        point=Point(epoch, manifest["weights"].get("state_digest", ""), state.get("step")),
        run_id=lineage.get("run_id", ""),
        attempt=lineage.get("attempt", 0),
        content_digest=manifest["weights"].get("content_digest", ""),
        manifest_digest=checkpoint.as_written["manifest_digest"],
        created=manifest["dates"]["created"],
        metrics={name: number(value) for name, value in state.get("metrics", {}).items()},
        files=files,
        contents=contents,
    )


def stored_arrays(checkpoint: Checkpoint) -> dict[str, dict[str, str]]:
    """Return the digests of the arrays of every weights file, by file and key."""
    found: dict[str, dict[str, str]] = {}
    for tensor in checkpoint.tensors:
        for array in tensor.arrays.values():
            found.setdefault(array.file, {})[array.key] = array.digest
    return found


def number(value: Any) -> float:
    """Return a number of a manifest, tagged or not, as a float."""
    if isinstance(value, dict):
        return float(str(value.get("$float", value.get("$int", "nan"))))
    return float(value)


def scan(layout: Layout) -> tuple[list[Live], list[tuple[Path, str]]]:
    """Read all checkpoints of a series.

    Returns:
        The live ones in the order of the training; and what looks like one but is none, with the reason.
    """
    found: list[Live] = []
    faulty: list[tuple[Path, str]] = []
    if not layout.epochs.is_dir():
        return found, faulty
    for path in sorted(layout.epochs.iterdir()):
        if epoch_of(path.name) is None or not path.is_dir() or path.is_symlink() or is_note_alone(path):
            continue
        try:
            found.append(read_live(path))
        except (CandleSpecError, OSError, KeyError, TypeError, AttributeError) as error:
            faulty.append((path, reason(error)))
    return sorted(found, key=lambda live: live.point.order), faulty


def reason(error: BaseException) -> str:
    """Return in one line why a checkpoint cannot be used."""
    if isinstance(error, CandleSpecError):
        return error.message
    return f"{type(error).__name__}: {error}"
