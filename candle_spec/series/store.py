"""What all operations on a series share: its places, its record, its live checkpoints, its threads."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Literal

from candle_spec import limits
from candle_spec.atomic import Fs
from candle_spec.checkpoint.contents import SideFile
from candle_spec.checkpoint.file_record import FileRecord
from candle_spec.checkpoint.folder_writer import FolderWriter
from candle_spec.errors import InvalidInputError
from candle_spec.series import record as records
from candle_spec.series.layout import Layout
from candle_spec.series.live import Live
from candle_spec.series.lock import Lock
from candle_spec.series.record import Attempt, Mark, Point, Record
from candle_spec.series.saves.file_groups import Grouping
from candle_spec.series.saves.file_writer import FileWriter
from candle_spec.weights.shards import SHARD_BYTES, GroupPlan

Durability = Literal["commit", "group", "off"]

GROUP_SAVES: Final = 10
"""With durability ``group``: so many saves may be lost to a power cut."""

GROUP_SECONDS: Final = 60.0
"""With durability ``group``: so old may the newest durable checkpoint become."""

Documents = Callable[[Path, Sequence[FileRecord]], Sequence[SideFile]]
"""Makes files that describe what was just written: called with the private folder and the records of its files."""

Certify = Callable[[FolderWriter, Sequence[GroupPlan]], dict[str, Any]]
"""Makes the certificate of a converted checkpoint: called, when the weights are written, with what writes the folder
and with where each array stands. It may write files there."""


@dataclass(frozen=True, slots=True)
class StoreSettings:
    """How checkpoints are stored.

    Attributes:
        min_copies: So many of the newest checkpoints hold every file in blocks of their own; 1 shares at once.
        durability: ``commit``: a save that returns survives a power cut. ``group``: so does one of several saves; all
            survive the death of the process. ``off``: only the latter.
        direct_io: Whether to write past the page cache: ``auto`` where the system can, or ``off``.
        jobs: Threads; ``None`` for the default.
        dedup_from: Folders of other series whose files may be shared.
        paranoid_every: Every so many saves, a file is read again before it is shared; 0 for never.
        shard_bytes: Largest weights file.
    """

    min_copies: int = 2
    durability: Durability = "commit"
    direct_io: Literal["auto", "off"] = "auto"
    jobs: int | None = None
    dedup_from: Sequence[str | Path] = ()
    paranoid_every: int = 0
    shard_bytes: int = SHARD_BYTES

    def __post_init__(self) -> None:
        if self.min_copies < 1 or self.paranoid_every < 0 or self.shard_bytes < limits.KIB:
            raise InvalidInputError(
                f"min_copies={self.min_copies}, paranoid_every={self.paranoid_every}, shard_bytes={self.shard_bytes}: "
                "at least 1, 0 and 1024 are needed"
            )
        if self.durability not in ("commit", "group", "off"):
            raise InvalidInputError(f"durability is commit, group or off, not {self.durability!r}")


@dataclass(frozen=True, slots=True)
class RunIdentity:
    """Who a run is, beyond its own id, which the series makes.

    Attributes:
        name: Name of the series; by default the name of its folder's parent.
        parent_run: Id of the run from whose checkpoint this one started.
        parent_checkpoint: ``state_digest`` of that checkpoint.
        node: Id of the run in the workflow that started it.
        experiment: Id of the workflow's experiment.
    """

    name: str = ""
    parent_run: str = ""
    parent_checkpoint: str = ""
    node: str = ""
    experiment: str = ""

    def lineage(self) -> dict[str, str]:
        """What of it stands in the lineage of every manifest."""
        about = {key: getattr(self, key) for key in ("parent_run", "parent_checkpoint", "node", "experiment")}
        return {key: value for key, value in about.items() if value}


@dataclass(slots=True)
class Store:
    """An open series.

    Attributes:
        layout: Its places.
        fs: The file system.
        settings: How checkpoints are stored.
        record: What the checkpoints do not say.
        run: Who the run is.
        description: What is true of every checkpoint of the run, by member of the manifest.
        lock: Held while the series can be written; ``None`` when it is only read.
        writer: Writes weights files.
        live: The live checkpoints in the order of the training.
        faulty: Folders that look like checkpoints and are none, with the reason.
        others: Checkpoints of other series whose files may be shared.
        grouping: Which tensors share a file.
        doubtful: Checkpoints whose names may not be durable, because the system refused to say so.
        lax: Checkpoints saved without being made durable.
        saves: Number of saves.
        at_risk: Number of saves since the last durable one.
        durable_at: When that was, on the monotonic clock.
        attempt: The attempt that is saving; ``None`` before its first save.
    """

    layout: Layout
    fs: Fs
    settings: StoreSettings
    record: Record
    run: RunIdentity = field(default_factory=RunIdentity)
    description: Mapping[str, Any] = field(default_factory=dict)
    lock: Lock | None = None
    writer: FileWriter | None = None
    live: list[Live] = field(default_factory=list)
    faulty: list[tuple[Path, str]] = field(default_factory=list)
    others: list[Live] = field(default_factory=list)
    grouping: Grouping = field(default_factory=Grouping)
    doubtful: set[Path] = field(default_factory=set)
    lax: set[Path] = field(default_factory=set)
    saves: int = 0
    at_risk: int = 0
    durable_at: float = 0.0
    attempt: Attempt | None = None

    def own(self) -> list[Live]:
        """Return the checkpoints that this run saved."""
        return [live for live in self.live if live.run_id == self.record.run_id]

    def is_superseded(self, live: Live) -> bool:
        """Whether a later attempt went on from before this checkpoint and has saved one of its own."""
        if live.run_id != self.record.run_id:
            return False
        reached = {found.attempt for found in self.own()}
        return any(
            attempt.number > live.attempt
            and (attempt.committed or attempt.number in reached)
            and (attempt.restarted_from is None or live.point.order > attempt.restarted_from.order)
            for attempt in self.record.attempts
        )

    def current(self) -> list[Live]:
        """Return the checkpoints that are not superseded, in the order of the training."""
        return [live for live in self.live if not self.is_superseded(live)]

    def before(self, order: tuple[int, int]) -> Live | None:
        """Return the checkpoint from which the training came to a moment, ``None`` where there is none."""
        point = self.attempt.restarted_from if self.attempt else None
        limit = point.order if point else (-1, 0)
        number = self.attempt.number if self.attempt else 0
        line = [live for live in self.current() if live.attempt == number or live.point.order <= limit]
        return next((live for live in reversed(line) if live.point.order < order), None)

    def marks_of(self, live: Live) -> list[Mark]:
        """Return pins and tags of a checkpoint."""
        return [mark for mark in self.record.marks if mark.manifest_digest == live.manifest_digest]

    def write_record(self) -> None:
        """Replace the record durably, with what the live checkpoints say of its attempts."""
        reached = {live.attempt for live in self.own()}
        for attempt in self.record.attempts:
            attempt.committed = attempt.committed or attempt.number in reached
        records.write(self.record, self.layout.record, self.fs)

    def writable(self) -> FileWriter:
        """Return the writer.

        Raises:
            InvalidInputError: The series is only read, or closed.
        """
        if self.lock is None or self.writer is None:
            raise InvalidInputError(
                "the series is open for reading only", location=str(self.layout.root), hint="Series.create_or_open"
            )
        return self.writer

    def begin_attempt(self, restarted_from: Point | None) -> Attempt:
        """Begin a new attempt and write it down."""
        reached = {live.attempt for live in self.own()}
        for attempt in self.record.attempts:
            attempt.committed = attempt.committed or attempt.number in reached
        self.attempt = self.record.begin(restarted_from)
        self.write_record()
        return self.attempt
