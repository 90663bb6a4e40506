"""``ckpt_save_weights_file`` set to False: the notes of the epochs that would be saved, and no weights."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import Any

from candle_spec.atomic import Fs, Staging, replace_file, write_errors
from candle_spec.candle.checkpoints.save_notes import note
from candle_spec.series.candle_files import ckpt_info
from candle_spec.series.layout import Layout, folder_name
from candle_spec.series.policy import decisions as policies
from candle_spec.series.policy.decisions import History, Moment
from candle_spec.series.policy.params import CheckpointPolicy


@dataclass(slots=True)
class NoteSeries:
    """Writes ``epochs/NNN/ckpt-info.json``: the history of a training, as CANDLE's tools read it.

    Attributes:
        folder: The checkpoint directory.
        policy: The hyperparameters: they say which epochs get a note.
        say: Where lines go.
    """

    folder: Path
    policy: CheckpointPolicy
    say: Callable[[str], None]
    fs: Fs = field(default_factory=Fs)
    _history: list[dict[str, Any]] = field(default_factory=list)
    _past: History = field(default_factory=History)
    _before: datetime | None = None

    def start(self) -> None:
        """Make the folder."""
        self._past = policies.history((), self.policy.save)
        with write_errors(self.folder):
            self._make(Layout(self.folder).epochs)

    def epoch_end(self, epoch: int, values: Mapping[str, float], *, final: bool) -> bool:
        """Note the end of an epoch, if the hyperparameters say so; return whether there is a note."""
        self._history.append({"epoch": epoch, **values})
        return self._consider(Moment(epoch, metrics=values, is_final=final))

    def train_end(self, reason: str) -> None:
        """Note where the training ended, unless that is done."""
        if self._history:
            newest = self._history[-1]
            values = {name: value for name, value in newest.items() if name != "epoch"}
            self._consider(Moment(newest["epoch"], metrics=values, stop_reason=reason))

    def _consider(self, moment: Moment) -> bool:
        reason = policies.save_reason(self.policy.save, moment, self._past)
        if reason:
            self._write(moment.epoch)
        self._past = policies.advance(self.policy.save, moment, self._past, saved=bool(reason))
        return bool(reason)

    def _write(self, epoch: int) -> None:
        place = Layout(self.folder).epochs / folder_name(epoch)
        if place.is_dir() and any(each.name[0] != "." and each.name != ckpt_info.NAME for each in place.iterdir()):
            self.say(f"{place} is a checkpoint and stays as it is: no note on epoch {epoch}")
            return
        now = datetime.now().astimezone()
        found = replace(note(self.policy, epoch, self._history, now, self._before), model_file="")
        self._before = now
        if place.is_dir():
            replace_file(place / ckpt_info.NAME, found.to_bytes(), fs=self.fs)
            return
        with Staging(place, fs=self.fs) as staging:  # a folder without its note would be a damaged checkpoint
            staging.write(ckpt_info.NAME, found.to_bytes())
            staging.commit()

    def _make(self, folder: Path) -> None:
        for missing in reversed([each for each in (folder, *folder.parents) if not each.is_dir()]):
            self.fs.make_folder(missing)
            self.fs.sync_folder(missing.parent)
