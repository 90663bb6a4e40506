"""The note ``ckpt-info.json`` in the checkpoints of CANDLE's classes."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any

from candle_spec.callbacks._recording.note import info_of
from candle_spec.candle.checkpoints.native_file import MODEL_FILE
from candle_spec.checkpoint.contents import SideFile
from candle_spec.checkpoint.file_record import FileRecord
from candle_spec.errors import CorruptFileError, InvalidInputError
from candle_spec.series.candle_files import ckpt_info, ckpt_log
from candle_spec.series.candle_files.ckpt_info import CkptInfo
from candle_spec.series.candle_files.old_layouts import crc32
from candle_spec.series.policy.best import better, upwards
from candle_spec.series.policy.decisions import Moment, SavePolicy
from candle_spec.series.policy.params import CheckpointPolicy
from candle_spec.series.store import Documents


@dataclass(slots=True)
class SaveNotes:
    """Makes the notes of a training (:class:`candle_spec.callbacks._recording.note.NoteMaker`).

    The best value is that of all epochs, not only of those that are kept; a native copy is the file that is named.

    Attributes:
        say: Where lines go.
        before: When the training was saved before; ``None``: never.
    """

    say: Callable[[str], None]
    before: datetime | None = None

    def of(
        self, moment: Moment, best: float | None, policy: CheckpointPolicy, history: Sequence[Mapping[str, Any]]
    ) -> Documents:
        """See :class:`candle_spec.callbacks._recording.note.NoteMaker`."""
        now = datetime.now().astimezone()
        info = note(policy, moment.epoch, list(history) or [{}], now, self.before, moment.step)
        self.before = now
        return partial(self._document, info, policy.checksum)

    def _document(self, info: CkptInfo, checksum: bool, folder: Path, records: Sequence[FileRecord]) -> list[SideFile]:
        """Name the file of the weights that is really there."""
        weights = [record for record in records if record.role == "weights"]
        index = [record for record in records if record.role == "index"]
        native = [record for record in records if record.path == MODEL_FILE]
        payload = [record for record in records if record.role in ("payload", "code")]
        named = next(iter((*native, *(index if len(weights) > 1 else weights), *payload)), None)
        digests = {record.path: record.digest for record in (*weights, *native, *payload) if record.digest}
        info = replace(info, extra={**info.extra, **({"sha256": digests} if digests else {})})
        if named is not None:
            crc = str(checksummed(folder / named.path, named.size, self.say)) if checksum else ckpt_info.DISABLED
            info = replace(info, model_file=named.path, checksum=crc)
        return [SideFile(ckpt_info.NAME, info.to_bytes(), "application/json", "document")]


def note(
    policy: CheckpointPolicy,
    epoch: int,
    history: Sequence[Mapping[str, Any]],
    now: datetime,
    before: datetime | None,
    step: int | None = None,
) -> CkptInfo:
    """Return the note on a training after so many epochs; the model file is not named yet.

    Args:
        policy: The hyperparameters.
        epoch: Number of completed epochs.
        history: Values of all epochs, the newest last.
        now: When it is saved.
        before: When it was saved before; ``None``: never.
        step: Number of completed steps.
    """
    metrics = {key: value for key, value in history[-1].items() if key != "epoch"}
    return info_of(policy, Moment(epoch, step, metrics=metrics), best_so_far(history, policy.save), now, before)


def checked_note(folder: Path, policy: CheckpointPolicy, say: Callable[[str], None]) -> CkptInfo:
    """Read the note in a folder.

    Raises:
        MissingPartError: There is none.
        CorruptFileError: The model beside it has another CRC-32, where the policy asks for it.
    """
    info = ckpt_info.read(folder / ckpt_info.NAME)
    path = folder / Path(info.model_file).name
    if policy.checksum and info.crc32 is not None and path.is_file():
        found = checksummed(path, path.stat().st_size, say)
        if found != info.crc32:
            fault = f"the CRC-32 is {found}, {ckpt_info.NAME} states {info.crc32}"
            raise CorruptFileError(fault, location=str(path))
    return info


def checksummed(path: Path, size: int, say: Callable[[str], None]) -> int:
    """Return the CRC-32 of a file, and say so in CANDLE's words."""
    begun = time.monotonic()
    found = crc32(path)
    say(ckpt_log.checksummed(size, time.monotonic() - begun))
    return found


def best_so_far(history: Sequence[Mapping[str, Any]], policy: SavePolicy) -> float | None:
    """Return the best value of the policy's metric over epochs; ``None`` where there is none."""
    best, up = policy.best_value, upwards(policy.metric, policy.mode)
    for row in history:
        value = row.get(policy.metric)
        if value is None or value != value or row.get("epoch", 0) < policy.skip_epochs:
            continue
        if best is None or better(value, best, up, policy.min_delta, policy.ties):
            best = float(value)
    return best


def time_of_save(text: str | None) -> datetime | None:
    """Return the time of an earlier save (``ckpt_timestamp_last``); ``None`` where there was none.

    Raises:
        InvalidInputError: The text is no such time.
    """
    try:
        return datetime.strptime(text, ckpt_info.TIME_FORMAT).astimezone() if text else None
    except ValueError as error:
        raise InvalidInputError(f"ckpt_timestamp_last: a time like 2026-01-31 12:00:00 is expected: {error}") from error
