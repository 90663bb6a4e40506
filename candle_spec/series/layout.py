"""The folder of a training series: names and places."""

from __future__ import annotations

import re
import secrets
from pathlib import Path
from typing import Final

STORE: Final = ".candle"
LAST: Final = "last"
BEST: Final = "best"
RECORD: Final = "series.json"
INTENT: Final = "intent.json"
RECORD_SCHEMA: Final = "series"
INTENT_SCHEMA: Final = "series-intent"

_FOLDER: Final = re.compile(r"(?P<epoch>[0-9]{3,16})(-s(?P<step>[0-9]{8,16}))?")


class Layout:
    """Places below the folder of a series.

    Attributes:
        root: The series.
        epochs: Its checkpoints, one folder each.
        store: What the series keeps about itself.
        record: ``series.json``.
        intent: The record of a replacement that is under way.
        lock: The lock file.
        staging: Private folders of saves.
        trash: What is being deleted.
        bad: Checkpoints that were set aside.
    """

    def __init__(self, root: str | Path) -> None:
        self.root = Path(root).absolute()
        self.epochs = self.root / "epochs"
        self.store = self.root / STORE
        self.record = self.store / RECORD
        self.intent = self.store / INTENT
        self.lock = self.store / "lock"
        self.staging = self.store / "staging"
        self.trash = self.store / "trash"
        self.bad = self.store / "bad"

    @property
    def is_series(self) -> bool:
        """Whether there is a series here."""
        return self.record.is_file() or self.epochs.is_dir()


def folder_name(epoch: int, step: int | None = None) -> str:
    """Return the name of a checkpoint's folder: ``004``; within an epoch, ``004-s00000900``.

    Args:
        epoch: Completed epochs.
        step: Completed steps, only for a checkpoint within an epoch.
    """
    return f"{epoch:03d}" if step is None else f"{epoch:03d}-s{step:08d}"


def epoch_of(name: str) -> int | None:
    """Return the epoch in the name of a checkpoint's folder, or ``None`` where it is no such name."""
    match = _FOLDER.fullmatch(name)
    return int(match["epoch"]) if match else None


def private_name(stem: str) -> str:
    """Return a name that nobody else uses."""
    return f"{stem}-{secrets.token_hex(4)}"
