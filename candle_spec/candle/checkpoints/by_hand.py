"""What CANDLE's checkpoint class lets programs do by hand: write a model and its note, keep and delete, link.

Names and calls are those of https://github.com/ECP-CANDLE/candle_lib (``ckpt_utils.py``). Whatever concerns the series
goes through it: nothing here deletes, links or writes behind its back.
"""

from __future__ import annotations

import os
import time
from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

from candle_spec.atomic import Fs, private_name, replace_file, write_errors
from candle_spec.callbacks._recording.recorder import Recorder
from candle_spec.candle.checkpoints.notes import checksummed
from candle_spec.candle.checkpoints.params import Parameters
from candle_spec.checkpoint import manifest_file
from candle_spec.checkpoint.layout import MANIFEST
from candle_spec.errors import CorruptFileError, InvalidInputError
from candle_spec.series import pointers
from candle_spec.series.candle_files import ckpt_info, ckpt_log
from candle_spec.series.candle_files.ckpt_info import CkptInfo
from candle_spec.series.layout import Layout
from candle_spec.series.policy import retention
from candle_spec.series.policy.params import CheckpointPolicy
from candle_spec.series.series import Series


def no_back_end(ckpt: object) -> InvalidInputError:
    """Return the error of a class that can write no model."""
    return InvalidInputError(
        f"{type(ckpt).__name__} has no write_model_backend",
        hint="use CandleCkptPyTorch or CandleCkptKeras, or a subclass with write_model_backend and build_model",
    )


class Upkeep(Parameters, ABC):
    """The methods beside save and restart.

    Attributes:
        model_file: Name of the model's file; while :meth:`write_model_backend` runs, the path to write to.
        cksum_model: CRC-32 of the newest model written by :meth:`write_model`.
    """

    model_file: str | Path = "model.h5"
    cksum_model: str = ckpt_info.DISABLED
    policy: CheckpointPolicy
    objects: Any
    ckpt_directory: str
    best_metric_last: float | None

    @abstractmethod
    def info(self, message: str) -> None:
        """Say a line."""

    @abstractmethod
    def _start(self) -> Recorder:
        """Open the directory, at the first call of anything."""

    # The back end, for subclasses

    def write_model_backend(self, model: Any, epoch: int) -> None:
        """Write the model to ``self.model_file``: for subclasses with a format of their own.

        Args:
            model: What :meth:`set_model` named.
            epoch: Number of completed epochs.
        """
        raise no_back_end(self)

    def build_model(self, model_file: str) -> Any:
        """Read the model from a file: for subclasses with a format of their own. What is returned is the new model."""
        raise InvalidInputError(
            f"{type(self).__name__} has no build_model", location=str(model_file), hint="write it beside the other hook"
        )

    @contextmanager
    def writing_to(self, folder: Path) -> Iterator[Path]:
        """Let ``self.model_file`` be a path in a folder, for as long as a model is written."""
        before = self.model_file
        self.model_file = folder / Path(before).name
        try:
            yield self.model_file
        finally:
            self.model_file = before

    @property
    def model(self) -> Any:
        """What is saved and restored; :meth:`build_model` may put another one in its place."""
        return self.objects

    @model.setter
    def model(self, model: Any) -> None:
        self.objects = model

    def write_to(self, folder: Path, epoch: int) -> str:
        """Let :meth:`write_model_backend` write the model below a folder; return the name that it was given."""
        with self.writing_to(folder) as path:
            self.write_model_backend(self.model, epoch)
        return path.name

    def read_from(self, path: Path) -> None:
        """Let :meth:`build_model` read the model."""
        found = self.build_model(str(path))
        if found is not None:
            self.model = found

    # Model and note in a folder of the caller's

    def write_model(self, dir_work: str | Path, epoch: int) -> None:
        """Write the model and its note into a folder: a copy for other tools, outside the series.

        Args:
            dir_work: The folder; it is made.
            epoch: Number of completed epochs.

        Raises:
            InvalidInputError: It is inside the series, where only whole checkpoints are written.
        """
        folder = Path(dir_work).absolute()
        self._check_outside(folder)
        fs = Fs()
        for missing in reversed([each for each in (folder, *folder.parents) if not each.is_dir()]):
            fs.make_folder(missing)
        begun = time.monotonic()
        with self.writing_to(folder) as path:
            self.write_model_backend(self.objects, epoch)
        self.info(ckpt_log.wrote(path.stat().st_size if path.is_file() else 0, time.monotonic() - begun))
        self.checksum(folder)
        self.write_json(folder / ckpt_info.NAME, epoch)

    def checksum(self, dir_work: str | Path) -> None:
        """Take the CRC-32 of the model in a folder into ``cksum_model``, where ``ckpt_checksum`` asks for it."""
        path = Path(dir_work) / Path(self.model_file).name
        self.cksum_model = self.checksum_file(path) if self.policy.checksum else ckpt_info.DISABLED

    def checksum_file(self, filename: str | Path) -> str:
        """Return the CRC-32 of a file in decimal, and say how long that took."""
        path = Path(filename)
        return str(checksummed(path, path.stat().st_size, self.info))

    def write_json(self, jsonfile: str | Path, epoch: int) -> None:
        """Write a note on the model as it is, as ``ckpt-info.json`` has it; in one step."""
        path = Path(jsonfile).absolute()
        self._check_outside(path.parent)
        note = CkptInfo(
            epoch,
            self.policy.save.metric if self.policy.save.save_best else None,
            self.best_metric_last,
            Path(self.model_file).name,
            self.cksum_model,
            ckpt_info.stamps(datetime.now().astimezone())[0],
            metadata=self.policy.metadata,
        )
        replace_file(path, note.to_bytes())

    def restart_json(self, directory: str | Path) -> dict[str, Any]:
        """Read the note in a folder, and take the best value from it.

        Raises:
            MissingPartError: There is none.
            CorruptFileError: The model beside it has another CRC-32, where ``ckpt_checksum`` asks for it.
        """
        info = self._checked_note(Path(directory))
        self.best_metric_last = info.best_metric_last
        for line in ckpt_log.restarting(info.epoch, info.timestamp):
            self.info(line)
        return info.to_params()

    def _checked_note(self, folder: Path) -> CkptInfo:
        info = ckpt_info.read(folder / ckpt_info.NAME)
        path = folder / Path(info.model_file).name
        if self.policy.checksum and info.crc32 is not None and path.is_file():
            found = checksummed(path, path.stat().st_size, self.info)
            if found != info.crc32:
                fault = f"the CRC-32 is {found}, {ckpt_info.NAME} states {info.crc32}"
                raise CorruptFileError(fault, location=str(path))
        return info

    def _digest(self, folder: Path) -> str:
        return str(manifest_file.read(folder / MANIFEST)["weights"].get("state_digest", ""))

    # Keeping

    def keep(self, epoch: int, epoch_now: int, kept: int = 0) -> bool:
        """Whether the hyperparameters keep the checkpoint of an epoch.

        Args:
            epoch: The epoch, counted from 1.
            epoch_now: The newest epoch.
            kept: Unused: what is kept follows from all checkpoints of the run.
        """
        plan = retention.keep(self._start().entries(), self.policy.keep)
        return epoch == epoch_now or any(entry.epoch == epoch for entry in plan.keep)

    def clean(self, epoch_now: int = 0) -> tuple[int, int]:
        """Delete the checkpoints that the hyperparameters do not keep; done behind every save anyway.

        Args:
            epoch_now: Unused: the newest checkpoint stays in any case.

        Returns:
            How many are kept and how many were deleted.
        """
        series = self._start().series()
        if series is None:
            return 0, 0
        plan = retention.keep(series.entries(), self.policy.keep)
        done = series.prune([entry.name for entry in plan.keep])
        return len(done.kept), len(done.removed)

    def delete(self, epoch: int) -> None:
        """Delete the checkpoints of an epoch, counted from 1; where there is none, that is said.

        Raises:
            InvalidInputError: One may not be deleted: it is the newest, ``last`` or ``best`` name it, or it is pinned.
        """
        series = self._start().series()
        entries = series.entries() if series is not None else ()
        wanted = [entry.name for entry in entries if entry.epoch == epoch]
        if series is None or not wanted:
            self.info(f"there is no checkpoint of epoch {epoch}")
            return
        done = series.prune([entry.name for entry in entries if entry.epoch != epoch])
        spared = [why for name, why in done.spared if name in wanted]
        if spared:
            raise InvalidInputError(f"the checkpoint of epoch {epoch} stays: {spared[0]}", location=self.ckpt_directory)

    # Links and paths

    def symlink(self, src: str | Path, dst: str | Path) -> None:
        """Make a link, or make it anew, in one step: at no moment is there none.

        Args:
            src: What it names; of ``last`` and ``best``, a checkpoint of this training.
            dst: The link.

        Raises:
            InvalidInputError: It is inside the series, and not ``last`` or ``best``.
        """
        link, source = Path(dst).absolute(), Path(src).absolute()
        layout = Layout(self.ckpt_directory)
        if link.parent.resolve() == layout.root.resolve() and link.name in pointers.NAMES:
            series = self._start().series()
            if series is not None:
                self._point(series, link.name, source)
            return
        self._check_outside(link.parent)
        fs, new = Fs(), private_name(link)
        with write_errors(link):
            fs.symlink(os.path.relpath(source, link.parent.resolve()), new)
            fs.rename(new, link)
            fs.sync_folder(link.parent)

    def _point(self, series: Series, name: str, source: Path) -> None:
        if source.parent.resolve() != Layout(self.ckpt_directory).epochs.resolve():
            raise InvalidInputError(f"{name} names a checkpoint of this training, not {source}")
        (series.set_last if name == "last" else series.set_best)(source.name)

    def relpath(self, p: str | Path) -> Path:
        """Return a path from the current folder on, if it is below."""
        path = Path(p)
        return path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path

    def _check_outside(self, folder: Path) -> None:
        """Checkpoints are written and deleted by the series alone."""
        layout, place = Layout(self.ckpt_directory), folder.resolve()
        if any(place.is_relative_to(inside.resolve()) for inside in (layout.epochs, layout.store)):
            raise InvalidInputError(
                "only the series itself writes here", location=str(folder), hint="name a folder outside ckpt_directory"
            )
