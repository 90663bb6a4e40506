"""A training series: the checkpoints of one run, safe against kills, power cuts, full disks and flipped bits.

>>> with Series.create_or_open("out/ckpts") as series:                    # doctest: +SKIP
...     point = series.restart_point("auto")
...     series.save(TrainingState(epoch=1, contents=contents, metrics={"val_loss": 0.4}))
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from candle_spec.atomic import Fs, write_errors
from candle_spec.errors import InvalidInputError
from candle_spec.series import copying, entries, marks, opening, pointers, pruning, repair, restart, verify
from candle_spec.series.copying import Copied
from candle_spec.series.entries import Entry
from candle_spec.series.layout import BEST, LAST
from candle_spec.series.live import Live
from candle_spec.series.pruning import Pruned
from candle_spec.series.record import Point
from candle_spec.series.restart import RestartPoint
from candle_spec.series.saves import save as saves
from candle_spec.series.saves.crew import Crew
from candle_spec.series.saves.save import Saved
from candle_spec.series.saves.training_state import TrainingState
from candle_spec.series.store import Certify, Documents, RunIdentity, Store, StoreSettings
from candle_spec.series.verify import Fault
from candle_spec.weights.shards import GroupPlan


class Series:
    """An open series; make one with :meth:`create_or_open` or :meth:`read`. A context manager.

    One process writes at a time; its operations are not to be called from several threads at once.
    """

    def __init__(self, store: Store) -> None:
        self._store = store

    @classmethod
    def create_or_open(
        cls,
        folder: str | Path,
        *,
        settings: StoreSettings | None = None,
        model_description: Mapping[str, Any] | None = None,
        run: RunIdentity | None = None,
        fs: Fs | None = None,
    ) -> Series:
        """Open the series at ``folder`` for writing, and make it if it is not there.

        What a killed process left is finished or removed.

        Args:
            folder: ``ckpt_directory``.
            settings: How checkpoints are stored.
            model_description: Members for every manifest; what a checkpoint itself says wins.
            run: Who the run is.
            fs: The file system; replaced by tests.

        Raises:
            SeriesInUseError: Another process writes into it.
            InvalidInputError: The folder is itself a checkpoint.
            WriteFailedError: The system refused.
        """
        return cls(
            opening.open_for_writing(
                folder, settings or StoreSettings(), model_description or {}, run or RunIdentity(), fs or Fs()
            )
        )

    @classmethod
    def read(cls, folder: str | Path) -> Series:
        """Open the series at ``folder`` for reading: no lock, and nothing is changed.

        Raises:
            MissingPathError: There is none.
        """
        return cls(opening.open_for_reading(folder))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """End the threads and give the lock back; what was saved is safe already."""
        if self._store.writer is not None:
            self._store.writer.close()
            self._store.writer = None
        if self._store.lock is not None:
            self._store.lock.close()
            self._store.lock = None

    @property
    def path(self) -> Path:
        """The folder."""
        return self._store.layout.root

    @property
    def run_id(self) -> str:
        """Id of the run."""
        return self._store.record.run_id

    @property
    def name(self) -> str:
        """Name of the series."""
        return self._store.record.name

    def save(
        self,
        state: TrainingState,
        *,
        best: bool = False,
        document: Documents | None = None,
        certify: Certify | None = None,
        crew: Crew | None = None,
    ) -> Saved:
        """Save a state. When this returns, it survives a kill and a power cut, and ``last`` names it.

        If the very state is saved already, nothing is written. A checkpoint of the same epoch with another state is
        replaced; a later step of an epoch that is saved already gets a folder of its own.

        Args:
            state: What to save; nothing in it may change until this returns.
            best: Whether ``best`` is to name it, too.
            document: Makes files that describe what was written (``ckpt-info.json``), before it gets its name.
            certify: Makes the certificate of a checkpoint that was converted.
            crew: The processes that write it together; this is process 0 of them, and the others follow.

        Raises:
            WriteFailedError: The system refused; the checkpoints that were there are as they were.
            InvalidInputError: The series is only read.
        """
        return saves.save(self._store, state, best=best, document=document, certify=certify, crew=crew)

    def plan(self, state: TrainingState) -> list[GroupPlan]:
        """Return the files that a state would be written to now: a snapshot is laid out by it."""
        return self._store.grouping.plan(state.contents, state.stable, self._store.settings.shard_bytes)

    def entries(self) -> tuple[Entry, ...]:
        """Return all checkpoints in the order of the training: by epoch and step of their manifests."""
        return entries.entries(self._store)

    def last(self) -> Entry | None:
        """Return the checkpoint that ``last`` names, ``None`` where it names none."""
        return self._named(LAST)

    def best(self) -> Entry | None:
        """Return the checkpoint that ``best`` names, ``None`` where it names none."""
        return self._named(BEST)

    def find(self, name: str) -> Entry:
        """Return the checkpoint that a user names: an epoch, the name of a folder, a tag, ``last`` or ``best``.

        Of several, it is the newest one that is whole and that no later attempt went on without.

        Raises:
            InvalidInputError: There is none.
        """
        if name in (LAST, BEST):
            found = self._named(name)
        else:
            wanted = int(name) if name.isascii() and name.isdigit() else name
            whole = [entry for entry in self.entries() if entry.complete]
            named = [entry for entry in whole if wanted in (entry.epoch, entry.name, *entry.tags)]
            named.sort(key=lambda entry: (not entry.superseded, entry.order))
            found = named[-1] if named else None
        if found is None:
            raise self._unknown(name)
        return found

    def _named(self, name: str) -> Entry | None:
        target = pointers.target(self._store.layout, name)
        return next((entry for entry in self.entries() if entry.complete and entry.path.resolve() == target), None)

    def restart_point(self, mode: str = "auto", *, verify: bool = True) -> RestartPoint | None:
        """Return where to go on.

        ``last`` is honoured whenever it names a sound checkpoint: a training is rolled back by making it anew. Where
        it does not, damaged checkpoints are repaired if another one holds the same file, else set aside, and the newest
        sound one is taken.

        Args:
            mode: ``off``; ``auto`` (``None`` where there is nothing); ``required``; ``last``; ``best``; an epoch; or
                a path.
            verify: Whether to verify every byte.

        Raises:
            CorruptFileError: What was asked for is damaged; with ``required``, all are.
            MissingPathError: What was asked for is not there.
        """
        return restart.restart_point(self._store, mode, verify=verify)

    def mark_restarted(self, point: RestartPoint | None) -> None:
        """Begin a new attempt that goes on from ``point``; ``None``: from scratch.

        With its first save, newer checkpoints of earlier attempts become superseded.
        """
        self._store.writable()
        entry = point.entry if point else None
        with write_errors(self.path):
            self._store.begin_attempt(Point(entry.epoch, entry.state_digest, entry.step) if entry else None)

    def set_best(self, epoch: int | str) -> None:
        """Let ``best`` name the checkpoint of an epoch, or one by the name of its folder."""
        self._set_pointer(BEST, epoch)

    def clear_best(self) -> None:
        """Let ``best`` name nothing: of a training begun anew, whose policy knows no best one."""
        self._store.writable()
        with write_errors(self.path):
            pointers.remove(self._store.layout, BEST, self._store.fs)

    def set_last(self, epoch: int | str) -> None:
        """Roll the training back: the next restart goes on from this checkpoint."""
        self._set_pointer(LAST, epoch)

    def _set_pointer(self, name: str, epoch: int | str) -> None:
        self._store.writable()
        with write_errors(self.path):
            folder = self._find(epoch).path.name
            pointers.set_pointer(self._store.layout, name, folder, self._store.fs, self._store.record.file_system)

    def pin(self, epoch: int | str) -> None:
        """Never prune this checkpoint."""
        marks.mark(self._store, self._find(epoch))

    def unpin(self, epoch: int | str) -> None:
        """Undo :meth:`pin`."""
        marks.unpin(self._store, self._find(epoch))

    def tag(self, epoch: int | str, tag: str) -> None:
        """Give a checkpoint a tag; a tag names one checkpoint, which is never pruned."""
        marks.mark(self._store, self._find(epoch), tag)

    def untag(self, tag: str) -> None:
        """Remove a tag."""
        marks.untag(self._store, tag)

    def prune(self, keep: Collection[int | str], *, dry_run: bool = False) -> Pruned:
        """Delete the checkpoints of this run that are not to be kept.

        Whatever ``keep`` says, these stay: the newest, those that ``last`` and ``best`` name, pinned and tagged ones,
        those of other runs, and what cannot be read.

        Args:
            keep: Epochs, or names of folders.
            dry_run: Only say what would be deleted.
        """
        return pruning.prune(self._store, keep, dry_run=dry_run)

    def verify(self, epoch: int | str | None = None) -> list[Fault]:
        """Verify every byte of one checkpoint or of all; return what is wrong."""
        lives = self._store.live if epoch is None else [self._find(epoch)]
        faulty = [Fault(path, "", why) for path, why in self._store.faulty] if epoch is None else []
        return faulty + verify.verify(lives, self._store.settings.jobs)

    def repair(self) -> dict[str, list[str]]:
        """Copy damaged files again from checkpoints that hold the same; return the files repaired, by checkpoint.

        Raises:
            InvalidInputError: The series is only read.
        """
        return repair.repair(self._store)

    def copy(self, target: str | Path) -> Copied:
        """Copy the series to a new folder; files that checkpoints share are shared there, too."""
        return copying.copy(self._store, target, self._store.fs)

    def _find(self, epoch: int | str) -> Live:
        for live in (*reversed(self._store.current()), *reversed(self._store.live)):
            if epoch in (live.point.epoch, live.path.name):
                return live
        raise self._unknown(epoch)

    def _unknown(self, name: int | str) -> InvalidInputError:
        known = ", ".join(entry.name for entry in self.entries()) or "there are none"
        return InvalidInputError(f"there is no checkpoint {name}", location=str(self.path), hint=known)
