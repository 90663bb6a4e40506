"""A training of CANDLE's classes while its directory is open: what is restored, saved and said."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

from candle_spec.callbacks._recording.recorder import Recorder
from candle_spec.callbacks._recording.restart import Restart
from candle_spec.callbacks._recording.settings import Settings
from candle_spec.candle.checkpoints.note_series import NoteSeries
from candle_spec.candle.checkpoints.restart_source import POINTERS, has_series, nothing_to_restart_from, old_checkpoint
from candle_spec.candle.checkpoints.save_notes import SaveNotes, checked_note, checksummed, time_of_save
from candle_spec.candle.checkpoints.wrapped_state import CandleState
from candle_spec.checkpoint import manifest_file
from candle_spec.checkpoint.layout import MANIFEST
from candle_spec.series.candle_files import ckpt_info, ckpt_log
from candle_spec.series.candle_files.ckpt_info import CkptInfo
from candle_spec.series.candle_files.ckpt_log import CkptLog
from candle_spec.series.candle_files.old_layouts import OldCheckpoint, Refused
from candle_spec.series.policy import decisions as policies
from candle_spec.series.policy import retention
from candle_spec.series.policy.params import CheckpointPolicy
from candle_spec.series.saves.save import Saved


class Session:
    """A training in one directory.

    Args:
        directory: ``ckpt_directory``.
        policy: The hyperparameters.
        state: What is saved and restored.
        log: Where lines go.
        settings: Name, run and rank of the training.
        anew: Whether the training begins anew, as far as is known.
    """

    def __init__(
        self,
        directory: Path,
        policy: CheckpointPolicy,
        state: CandleState,
        log: CkptLog,
        settings: Settings,
        *,
        anew: bool,
    ) -> None:
        self.directory = directory
        self.log = log
        self._anew = anew
        told = replace(
            settings, asynchronous=bool(policy.asynchronous), say=log.info, on_saved=(*settings.on_saved, self._saved)
        )
        notes = SaveNotes(log.info, time_of_save(policy.timestamp_last))
        self.recorder = Recorder(state, directory, policy, told, notes)
        self.recorder.past = policies.history((), policy.save)
        noted_alone = not policy.weights_file and policy.save.enabled and not settings.rank
        self.notes = NoteSeries(directory, policy, log.info) if noted_alone else None

    def start(self) -> None:
        """Open the directory, and ``ckpt.log`` in it."""
        self.recorder.start()
        if self.notes is not None:
            self.notes.start()
        if self.recorder.records or self.notes is not None:
            self.log.open(self.directory / "ckpt.log")

    def close(self) -> None:
        """Wait for the saves under way, and let the directory go."""
        self.recorder.close()

    # The training

    def restart(self, output: str, read: Callable[[Path], str]) -> CkptInfo | None:
        """Restore the training, and return the note on it; ``None``: from the beginning.

        Args:
            output: The run's output, where CANDLE once put ``save/ckpts``.
            read: Restores from a model file that CANDLE wrote; returns what was restored, in words.

        Raises:
            CandleSpecError: A restart is required and impossible, or the checkpoint is damaged or of another model.
        """
        policy = self.recorder.policy
        old, passed = old_checkpoint(policy, self.directory, output)
        if old is not None:
            info = self._restart_old(old, passed, read)
        else:
            ours = has_series(self.directory) or policy.restart_mode not in POINTERS
            restarted = self.recorder.restart() if ours else None
            if restarted is None:
                place = str(self.directory.resolve())
                self.log.info(nothing_to_restart_from(policy.restart_mode, passed, place))
                return None
            info = self._note_of(restarted)
        self._anew = False
        for line in ckpt_log.restarting(info.epoch, info.timestamp):
            self.log.info(line)
        return info

    def _restart_old(self, old: OldCheckpoint, passed: list[Refused], read: Callable[[Path], str]) -> CkptInfo:
        for refused in passed:
            self.log.info(f"passed over {refused.folder}: {refused.reason}")
        if self.recorder.policy.checksum and old.info is not None and old.info.crc32 is not None:
            checksummed(old.model, old.model.stat().st_size, self.log.info)
        text = read(old.model)
        info = old.info or CkptInfo(0)
        self.log.info(f"restarting from a checkpoint of CANDLE, {old.model}: {text}")
        best, past = info.best_metric_last, self.recorder.past
        self.recorder.epoch = info.epoch
        self.recorder.past = replace(past, best=best if best is not None else past.best)
        return info

    def _note_of(self, restarted: Restart) -> CkptInfo:
        """Return the note of the checkpoint restored; one that another callback saved has none."""
        policy, path = self.recorder.policy, restarted.path
        if not (path / ckpt_info.NAME).is_file():
            return CkptInfo(restarted.epoch, policy.save.metric, metrics=restarted.metrics)
        info = checked_note(path, policy, self.log.info)
        digest = str(manifest_file.read(path / MANIFEST)["weights"].get("state_digest", ""))
        return replace(info, extra={**info.extra, "state_digest": digest})

    def epoch_end(self, completed: int, values: Mapping[str, float], planned: int | None) -> bool:
        """Note the end of an epoch; return whether the training is saved.

        Args:
            completed: Number of completed epochs.
            values: What was measured.
            planned: Planned epochs.
        """
        recorder = self.recorder
        if recorder.records and completed == recorder.epochs and completed >= recorder.policy.save.skip_epochs:
            self.log.info(ckpt_log.final_epoch(completed))
        saved = recorder.epoch_end(completed, values)
        if self.notes is not None:
            final = planned is not None and completed >= planned
            saved = self.notes.epoch_end(completed, values, final=final)
        return saved

    def train_end(self) -> None:
        """Save where the training ends, unless that is done."""
        reason = self.recorder.stop_reason or "train end"
        self.recorder.train_end(reason)
        if self.notes is not None:
            self.notes.train_end(reason)

    def _saved(self, done: Saved) -> None:
        """Say what was written and what is kept, in CANDLE's words; in the writer's thread."""
        self.log.info(ckpt_log.wrote(done.written_bytes + done.shared_bytes, done.seconds))
        keep = self.recorder.policy.keep
        if self._anew and not keep.keep_best:
            self.recorder.forget_best()  # that of an earlier training, begun anew without one
        plan = retention.keep(self.recorder.entries(), keep)
        for line in ckpt_log.kept(sorted({entry.epoch for entry in plan.keep}, reverse=True)):
            self.log.info(line)
