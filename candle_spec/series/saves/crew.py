"""Several processes that write one checkpoint: each its own files, once, straight into the private folder of the save.

Process 0 plans the files, deals them out, makes the folder, writes the manifest and gives the checkpoint its name. The
others do what they are told by messages within the job, and answer with digests; nobody looks at what lies on the disk.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final, Protocol, TypeVar

from candle_spec import limits
from candle_spec.atomic import Fs
from candle_spec.errors import InvalidInputError, WriteFailedError
from candle_spec.series.saves.file_writer import FileWriter
from candle_spec.series.saves.private_folder import JoinedFolder
from candle_spec.weights.safetensors import Header
from candle_spec.weights.shards import PlannedFile, StoredPart
from candle_spec.weights.sources import Bytes, Extent, Part, TensorSource, total_size
from candle_spec.weights.writer import Written

WORTH_DEALING: Final = limits.MIB
"""Bytes of a file below which it is not split so that another process has something to write."""

Name = tuple[str, str, str]
"""Group, tensor and part of an array."""

Result = TypeVar("Result")


class Team(Protocol):
    """The processes of one training."""

    @property
    def rank(self) -> int:
        """Number of this process."""
        ...

    @property
    def size(self) -> int:
        """How many there are."""
        ...

    def share(self, value: Any) -> Any:
        """Give the value of process 0 to all; all call this together."""
        ...

    def gather(self, value: Any) -> list[Any]:
        """Give the values of all to all, by rank; all call this together."""
        ...


@dataclass(frozen=True, slots=True)
class Apart:
    """Bytes that no process has as a whole (a sharded tensor), or that process 0 alone has right.

    Attributes:
        size: Number of bytes.
        gather: Puts them together; all processes call this together.
    """

    size: int
    gather: Callable[[], Bytes]

    @property
    def extents(self) -> tuple[Extent, ...]:
        return ()

    def blocks(self) -> Iterator[bytes | memoryview]:
        """Refuse: whoever saves them has to put them together first."""
        raise InvalidInputError("the tensor is spread over several processes, which have to save it together")


@dataclass(frozen=True, slots=True)
class Elsewhere:
    """Bytes that another process writes, under a key of a file."""

    size: int
    file: str
    key: str

    @property
    def extents(self) -> tuple[Extent, ...]:
        return ()

    def blocks(self) -> Iterator[bytes | memoryview]:
        """Refuse: they are not here."""
        raise InvalidInputError(f"{self.key} is in another process, which writes it to {self.file}")


@dataclass(frozen=True, slots=True)
class Dealt:
    """A file to write, as a message: whose it is, its first bytes, its header, and its arrays by key."""

    name: str
    owner: int
    head: bytes
    header: Header
    arrays: Mapping[str, Name]


@dataclass(frozen=True, slots=True)
class Deal:
    """Message: the files of the next save. All put together what is spread over them."""

    files: Sequence[Dealt]


@dataclass(frozen=True, slots=True)
class Digest:
    """Message: take the digests of arrays, by file and key."""

    arrays: Sequence[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class Write:
    """Message: write files into a folder."""

    folder: Path
    durable: bool
    files: Sequence[str]


@dataclass(frozen=True, slots=True)
class Fault:
    """Answer: it failed."""

    text: str
    errno: int | None = None


def deal(files: Sequence[PlannedFile], processes: int) -> list[Dealt]:
    """Give every file to a process, the largest first, each to the one that has the least to write."""
    load = [0] * processes
    owners: dict[str, int] = {}
    for file in sorted(files, key=lambda each: (-each.header.file_size, each.name)):
        owner = load.index(min(load))
        load[owner] += file.header.file_size
        owners[file.name] = owner
    return [
        Dealt(file.name, owners[file.name], file.head, file.header, {key: _name(p) for key, p in file.parts.items()})
        for file in files
    ]


def _name(part: StoredPart) -> Name:
    return part.tensor.group, part.tensor.name, part.part_name


def shard_bytes(tensors: Sequence[TensorSource], processes: int, most: int) -> int:
    """Return the size of files with which each process gets its share, unless that is too little to be worth it."""
    return min(most, max(WORTH_DEALING, -(-total_size(tensors) // processes)))


@dataclass(slots=True)
class Crew:
    """The processes that write one checkpoint together; one object in each of them for each save.

    Attributes:
        team: The processes.
        tensors: The tensors of the state, as this process has them: the same names in all.
        fs: The file system.
        jobs: Threads of this process.
        direct: Whether to write past the page cache.
    """

    team: Team
    tensors: Sequence[TensorSource]
    fs: Fs = field(default_factory=Fs)
    jobs: int | None = None
    direct: bool = True
    _files: dict[str, PlannedFile] = field(default_factory=dict)

    # Process 0

    def order(self, message: Any, own: Callable[[], Result]) -> tuple[Result, list[Any]]:
        """Tell the others what to do, do one's own part, and wait for their answers.

        Raises:
            OSError: The system refused one of them.
            WriteFailedError: One of them failed otherwise.
        """
        self.team.share(message)
        error: Exception | None = None
        mine: list[Result] = []
        try:
            mine.append(own())
        except Exception as caught:  # noqa: BLE001 - raised again when the others have answered
            error = caught
        answers = self.team.gather(None)
        if error is not None:
            raise error
        for rank, answer in enumerate(answers):
            if isinstance(answer, Fault):
                text = f"process {rank} of the training: {answer.text}"
                raise WriteFailedError(text) if answer.errno is None else OSError(answer.errno, text)
        return mine[0], answers

    def deal(self, files: Sequence[PlannedFile]) -> list[TensorSource]:
        """Deal files out; return the tensors with the bytes that this process writes, and with where the others are."""
        dealt = deal(files, self.team.size)
        taken, _ = self.order(Deal(dealt), lambda: self._take(dealt))
        places = {name: (file, key) for file in dealt for key, name in file.arrays.items()}

        def part(tensor: TensorSource, name: str, found: Part) -> Part:
            file, key = places[tensor.group, tensor.name, name]
            own = taken.get((tensor.group, tensor.name, name))
            return replace(found, data=own if own is not None else Elsewhere(found.data.size, file.name, key))

        return [
            replace(tensor, parts={name: part(tensor, name, found) for name, found in tensor.parts.items()})
            if any((tensor.group, tensor.name, name) in places for name in tensor.parts)
            else tensor
            for tensor in self.tensors
        ]

    def dismiss(self) -> None:
        """Tell the others that nothing more is to be done."""
        self.team.share(None)

    # The others

    def follow(self) -> None:
        """Do what process 0 says until it dismisses; what fails here is an answer, which fails the save there."""
        with FileWriter(self.fs, {}, direct=self.direct, jobs=self.jobs) as writer:
            while (message := self.team.share(None)) is not None:
                try:
                    answer = self._answer(message, writer)
                except Exception as error:  # noqa: BLE001 - process 0 raises it
                    answer = Fault(str(error), error.errno if isinstance(error, OSError) else None)
                self.team.gather(answer)

    def _answer(self, message: Any, writer: FileWriter) -> Any:
        if isinstance(message, Deal):
            self._plan(message.files)
            return Written()
        if isinstance(message, Digest):
            return Written(self._digests(message.arrays, writer))
        return self._write(message, writer)

    def _plan(self, files: Sequence[Dealt]) -> None:
        """Put together what is to be written here, as files."""
        taken = self._take(files)
        tensors = {(tensor.group, tensor.name): tensor for tensor in self.tensors}
        self._files = {}
        for file in files:
            if file.owner != self.team.rank:
                continue
            parts: dict[str, StoredPart] = {}
            for key, name in file.arrays.items():
                tensor = tensors[name[:2]]
                part = replace(tensor.parts[name[2]], data=taken[name])
                parts[key] = StoredPart(tensor, name[2], part, key, file.name)
            self._files[file.name] = PlannedFile(file.name, file.head, file.header, parts)

    def _take(self, files: Sequence[Dealt]) -> dict[Name, Bytes]:
        """Put arrays together, in the same order in all processes; return those that this one writes."""
        parts = {(t.group, t.name, name): part for t in self.tensors for name, part in t.parts.items()}
        taken: dict[Name, Bytes] = {}
        for file in files:
            for name in file.arrays.values():
                data = parts[name].data
                if isinstance(data, Apart):
                    data = data.gather()
                if file.owner == self.team.rank:
                    taken[name] = data
        return taken

    def _digests(self, arrays: Sequence[tuple[str, str]], writer: FileWriter) -> dict[tuple[str, str], str]:
        mine = [(file, key) for file, key in arrays if file in self._files]
        running = {at: writer.digest(self._files[at[0]].parts[at[1]].part.data) for at in mine}
        return {at: future.result() for at, future in running.items()}

    def _write(self, message: Write, writer: FileWriter) -> Written:
        """Write this process's files durably."""
        mine = [name for name in message.files if name in self._files]
        arrays = [(name, key) for name in mine for key in self._files[name].parts]
        with JoinedFolder(message.folder, self.fs, durable=message.durable) as joined:
            running = {at: writer.digest(self._files[at[0]].parts[at[1]].part.data) for at in arrays}
            for name in mine:
                writer.write(self._files[name], joined)
            joined.sync_files(writer.pool)
            if mine:
                joined.sync_folders()
        return Written({at: future.result() for at, future in running.items()}, dict.fromkeys(mine, ""))
