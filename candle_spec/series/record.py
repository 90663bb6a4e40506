"""``.candle/series.json``: what the checkpoints of a series do not say themselves.

The checkpoints are the truth: run, attempt, epoch and metrics of each stand in its own manifest. The record adds the
starts of the training, pins and tags, and what was set aside; without it a series can still be read and restarted.
"""

from __future__ import annotations

import socket
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Self

from candle_spec.atomic import Fs, replace_file
from candle_spec.canonical import loads, pretty
from candle_spec.digests import digest_json
from candle_spec.errors import CorruptFileError
from candle_spec.manifest.collection import CURRENT, schema_id
from candle_spec.series.layout import RECORD_SCHEMA


@dataclass(frozen=True, slots=True)
class Point:
    """A checkpoint of this series, by what it is."""

    epoch: int
    state_digest: str
    step: int | None = None

    @property
    def order(self) -> tuple[int, int]:
        """Its place in the training."""
        return self.epoch, self.step or 0

    def to_json(self) -> dict[str, Any]:
        """The point as it stands in the record."""
        step = {} if self.step is None else {"step": self.step}
        return {"epoch": self.epoch, **step, "state_digest": self.state_digest}


@dataclass(slots=True)
class Attempt:
    """One start of the training: the first, or a restart.

    Attributes:
        number: From 1.
        started: RFC 3339, UTC.
        host: Name of the machine.
        restarted_from: Where it went on; ``None`` from scratch.
        committed: Whether it has saved a checkpoint.
    """

    number: int
    started: str
    host: str = ""
    restarted_from: Point | None = None
    committed: bool = False

    def to_json(self) -> dict[str, Any]:
        """The attempt as it stands in the record."""
        about: dict[str, Any] = {"number": self.number, "started": self.started}
        if self.host:
            about["host"] = self.host
        if self.restarted_from:
            about["restarted_from"] = self.restarted_from.to_json()
        return {**about, "committed": self.committed}


@dataclass(frozen=True, slots=True)
class Mark:
    """A pin (no tag) or a tag of one checkpoint: of the one with that digest, not of one that replaces it."""

    epoch: int
    manifest_digest: str
    tag: str = ""

    def to_json(self) -> dict[str, Any]:
        """The mark as it stands in the record."""
        about = {"epoch": self.epoch, "manifest_digest": self.manifest_digest}
        return {**about, "tag": self.tag} if self.tag else about


@dataclass(frozen=True, slots=True)
class SetAside:
    """A checkpoint that was moved to ``.candle/bad``."""

    folder: str
    epoch: int
    reason: str
    moved: str

    def to_json(self) -> dict[str, Any]:
        """The line as it stands in the record."""
        return {"folder": self.folder, "epoch": self.epoch, "reason": self.reason, "moved": self.moved}


@dataclass(slots=True)
class Record:
    """The record of a series."""

    run_id: str
    name: str
    created: str
    attempts: list[Attempt] = field(default_factory=list)
    marks: list[Mark] = field(default_factory=list)
    set_aside: list[SetAside] = field(default_factory=list)
    file_system: dict[str, bool] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """The record as a document, with its digest."""
        document: dict[str, Any] = {
            "$schema": schema_id(RECORD_SCHEMA),
            "schema_version": CURRENT,
            "run_id": self.run_id,
            "name": self.name,
            "created": self.created,
            "attempts": [attempt.to_json() for attempt in self.attempts],
        }
        for key in ("marks", "set_aside"):
            rows: Sequence[Mark | SetAside] = getattr(self, key)
            if rows:
                document[key] = [row.to_json() for row in rows]
        if self.file_system:
            document["file_system"] = dict(self.file_system)
        return {**document, "record_digest": digest_json(document)}

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> Self:
        """Return the record of a document that fits its schema."""
        return cls(
            run_id=document["run_id"],
            name=document["name"],
            created=document["created"],
            attempts=[_attempt(entry) for entry in document["attempts"]],
            marks=[Mark(**entry) for entry in document.get("marks", [])],
            set_aside=[SetAside(**entry) for entry in document.get("set_aside", [])],
            file_system=dict(document.get("file_system", {})),
        )

    def begin(self, restarted_from: Point | None) -> Attempt:
        """Begin a new attempt; one that saved nothing is replaced.

        Args:
            restarted_from: Where the training goes on; ``None`` from scratch.
        """
        if self.attempts and not self.attempts[-1].committed:
            self.attempts.pop()
        number = self.attempts[-1].number + 1 if self.attempts else 1
        self.attempts.append(Attempt(number, now(), socket.gethostname()[:200], restarted_from))
        return self.attempts[-1]


def _attempt(entry: Mapping[str, Any]) -> Attempt:
    point = entry.get("restarted_from")
    return Attempt(
        entry["number"],
        entry["started"],
        entry.get("host", ""),
        Point(point["epoch"], point["state_digest"], point.get("step")) if point else None,
        entry["committed"],
    )


def read(path: Path) -> Record:
    """Read and check a record; one of an older version is read as if it were migrated.

    Raises:
        CorruptFileError: It is not what was written.
    """
    from candle_spec.manifest import check, migrations

    written = document = loads(path.read_bytes(), location=str(path))
    if migrations.is_older(document):
        document = migrations.migrate(document, schema=RECORD_SCHEMA)
    faults = check(document, schema=RECORD_SCHEMA, file=path.name)
    if faults:
        raise CorruptFileError(f"the record of the series is damaged: {faults[0].message}", location=str(path))
    stated = written["record_digest"]
    if stated != digest_json({key: value for key, value in written.items() if key != "record_digest"}):
        raise CorruptFileError("the record of the series was changed after it was written", location=str(path))
    return Record.from_json(document)


def write(record: Record, path: Path, fs: Fs) -> None:
    """Replace the record durably."""
    replace_file(path, pretty(record.to_json()), fs=fs)


def now() -> str:
    """Return this moment, RFC 3339 in UTC."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
