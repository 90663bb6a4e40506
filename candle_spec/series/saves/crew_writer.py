"""The writer of a save in which several processes write: it stands in process 0 where otherwise one writes alone.

Files that are expected to change are written by all processes at the same time, when the first one is asked for. One
that is not is digested where its tensors are, and written only if no earlier checkpoint holds it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import BinaryIO

from candle_spec.series.saves.crew import Crew, Digest, Elsewhere, Write, shard_bytes
from candle_spec.series.saves.file_writer import FileWriter
from candle_spec.series.saves.private_folder import PrivateFolder
from candle_spec.series.saves.training_state import TrainingState
from candle_spec.series.store import Store
from candle_spec.weights.shards import PlannedFile
from candle_spec.weights.sources import Bytes
from candle_spec.weights.writer import Written


@contextmanager
def led(store: Store, state: TrainingState, crew: Crew) -> Iterator[TrainingState]:
    """Deal the files of a state out; inside, the store saves the state that is given, with the help of the others."""
    settings, alone = store.settings, store.writable()
    smaller = shard_bytes(state.contents.tensors, crew.team.size, settings.shard_bytes)
    store.settings = replace(settings, shard_bytes=smaller)
    try:
        plans = store.grouping.plan(state.contents, state.stable, smaller)
        crew.tensors = state.contents.tensors
        dealt = crew.deal([file for plan in plans for file in plan.files])
        state = replace(state, contents=replace(state.contents, tensors=dealt))
        with CrewWriter(store, state, crew) as store.writer:
            yield state
    finally:
        store.settings, store.writer = settings, alone


class CrewWriter(FileWriter):
    """Writes the files that process 0 was dealt, and lets the others write theirs.

    Args:
        store: The series.
        state: What is saved, with the bytes that are here.
        crew: The processes.
    """

    def __init__(self, store: Store, state: TrainingState, crew: Crew) -> None:
        settings = store.settings
        super().__init__(store.fs, store.record.file_system, direct=settings.direct_io == "auto", jobs=settings.jobs)
        self._crew = crew
        plans = store.grouping.plan(state.contents, state.stable, settings.shard_bytes)
        self._planned = {file.name: file for plan in plans for file in plan.files}
        self._changing = [
            name for name, file in self._planned.items() if not store.grouping.is_quiet(file, state.stable)
        ]
        self._arrays: dict[tuple[str, str], str] = {}
        self._asked: list[_Told] = []
        self._folder = Path()
        self._ready: dict[str, BinaryIO] = {}

    def digest(self, data: Bytes) -> Future[str]:
        """Begin the digest of an array, wherever it is."""
        if not isinstance(data, Elsewhere):
            return super().digest(data)
        told = _Told(self, data)
        self._asked.append(told)
        self._settle()
        return told

    def write(self, planned: PlannedFile, folder: PrivateFolder) -> BinaryIO:
        """Write one file, whoever has it; see :meth:`candle_spec.series.saves.file_writer.FileWriter.write`."""
        wanted: list[str] = []
        if self._folder != folder.path:  # a save that is tried again writes everything again
            self._folder, self._ready = folder.path, {}
            wanted += self._changing
        if planned.name not in self._ready:
            self._write_together(list(dict.fromkeys([*wanted, planned.name])), folder)
        return self._ready[planned.name]

    def ask(self) -> None:
        """Ask the others for all digests that are waited for."""
        arrays = [(told.data.file, told.data.key) for told in self._asked]
        _, answers = self._crew.order(Digest(arrays), lambda: None)
        self._note(answers)

    def _write_together(self, wanted: Sequence[str], folder: PrivateFolder) -> None:
        def own() -> dict[str, BinaryIO]:
            mine = [self._planned[name] for name in wanted if not _is_elsewhere(self._planned[name])]
            return {file.name: super(CrewWriter, self).write(file, folder) for file in mine}

        others = [name for name in wanted if _is_elsewhere(self._planned[name])]
        ready, answers = self._crew.order(Write(folder.path, folder.durable, others), own)
        self._ready |= ready
        self._note(answers)
        for answer in answers:
            for name in answer.files if isinstance(answer, Written) else ():
                self._ready[name] = folder.adopt(name)

    def _note(self, answers: list[Written | None]) -> None:
        for answer in answers:
            if answer is not None:
                self._arrays |= answer.arrays
        self._settle()

    def _settle(self) -> None:
        """Give the digests that are known to those who wait for them."""
        waiting, self._asked = self._asked, []
        for told in waiting:
            digest = self._arrays.get((told.data.file, told.data.key))
            if digest is None:
                self._asked.append(told)
            else:
                told.set_result(digest)


class _Told(Future[str]):
    """A digest that another process takes: asked for when it is needed, together with all others."""

    def __init__(self, writer: CrewWriter, data: Elsewhere) -> None:
        super().__init__()
        self.data = data
        self._writer = writer

    def cancel(self) -> bool:
        """Return ``False``: nobody here can take it instead."""
        return False

    def result(self, timeout: float | None = None) -> str:
        """Return the digest."""
        if not self.done():
            self._writer.ask()
        return super().result(timeout)


def _is_elsewhere(file: PlannedFile) -> bool:
    return any(isinstance(part.part.data, Elsewhere) for part in file.parts.values())
