"""What a CANDLE checkpoint holds besides the state: ``ckpt-info.json`` and, if asked for, ``model.h5``."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from candle_spec.callbacks._recording.adapter import Adapter, Restored, Snapshot
from candle_spec.callbacks._recording.note import info_of
from candle_spec.callbacks._recording.recorder import HISTORY, Recorder
from candle_spec.callbacks._states.native_copy import MODEL_FILE, add_native_copy
from candle_spec.checkpoint.contents import Framework, SideFile
from candle_spec.checkpoint.file_record import FileRecord
from candle_spec.errors import InvalidInputError
from candle_spec.series.candle_files import ckpt_info, ckpt_log
from candle_spec.series.candle_files.ckpt_info import CkptInfo
from candle_spec.series.candle_files.old_layouts import crc32
from candle_spec.series.policy.best import better, upwards
from candle_spec.series.policy.decisions import Moment, SavePolicy
from candle_spec.series.policy.params import CheckpointPolicy

if TYPE_CHECKING:
    from candle_spec.checkpoint.checkpoint import Checkpoint


NativeWriter = Callable[[Path, int], Any]
"""Writes a state to a path after so many epochs."""


@dataclass(slots=True)
class Noting:
    """An adapter that also notes, for CANDLE's tools, what it captures.

    Attributes:
        inner: The framework's adapter.
        say: Where lines go.
        write_native: Writes the state as the framework does, where native copies are asked for.
        recorder: The recorder, once there is one.
        elapsed_from: When the state was saved before; ``None``: never.
    """

    inner: Adapter
    say: Callable[[str], None]
    write_native: NativeWriter | None = None
    recorder: Recorder | None = None
    elapsed_from: datetime | None = None

    @property
    def framework(self) -> Framework:
        """See :class:`candle_spec.callbacks._recording.adapter.Adapter`."""
        return self.inner.framework

    @property
    def resumes_inside_epoch(self) -> bool:
        """See :class:`candle_spec.callbacks._recording.adapter.Adapter`."""
        return self.inner.resumes_inside_epoch

    def capture(self, extra: Mapping[str, Any], *, inside_epoch: bool = False) -> Snapshot:
        """Capture the state, and prepare the note on it."""
        snapshot = self.inner.capture(extra, inside_epoch=inside_epoch)
        epoch = int(extra["epoch"])
        if self.write_native is not None:
            add_native_copy(snapshot.contents, partial(self._native, epoch))
        if self.recorder is not None:
            # Each save takes the note of its own moment along, in the background too.
            self.recorder.options.document = partial(self._document, self._info(extra, self.recorder))
        return snapshot

    def _native(self, epoch: int, path: Path) -> None:
        if self.write_native is not None:
            self.write_native(path, epoch)

    def restore(self, checkpoint: Checkpoint, *, weights_only: bool = False) -> Restored:
        """Restore the state; where only what belongs to the training does not fit any more, the weights alone."""
        try:
            return self.inner.restore(checkpoint, weights_only=weights_only)
        except (InvalidInputError, ValueError) as error:
            on_change = self.recorder.policy.on_change if self.recorder is not None else "refuse"
            if weights_only or on_change == "refuse":
                raise
            try:
                found = self.inner.restore(checkpoint, weights_only=True)
            except InvalidInputError:
                raise error from None
            self.say(f"only the weights were restored: {error}")
            return found

    def _info(self, extra: Mapping[str, Any], recorder: Recorder) -> CkptInfo:
        history = list(extra.get(HISTORY) or [{}])
        now = datetime.now().astimezone()
        before, self.elapsed_from = self.elapsed_from, now
        return note(recorder.policy, int(extra["epoch"]), history, now, before, extra.get("step"))

    def _document(self, info: CkptInfo, folder: Path, records: Sequence[FileRecord]) -> list[SideFile]:
        """Make ``ckpt-info.json``: it names the file of the weights that is really there."""
        weights = [record for record in records if record.role == "weights"]
        index = [record for record in records if record.role == "index"]
        native = [record for record in records if record.path == MODEL_FILE]
        payload = [record for record in records if record.role in ("payload", "code")]
        named = next(iter((*native, *(index if len(weights) > 1 else weights), *payload)), None)
        digests = {record.path: record.digest for record in (*weights, *native, *payload)}
        info = replace(info, extra={**info.extra, "sha256": digests})
        if named is not None:
            info = replace(info, model_file=named.path, checksum=self._checksum(folder / named.path, named.size))
        return [SideFile(ckpt_info.NAME, info.to_bytes(), "application/json", "document")]

    def _checksum(self, path: Path, size: int) -> str:
        if self.recorder is None or not self.recorder.policy.checksum:
            return ckpt_info.DISABLED
        return str(checksummed(path, size, self.say))


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
