"""What was published, as the service confirmed it; beside the checkpoint, never in it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from candle_spec.atomic import Fs, replace_file
from candle_spec.canonical import loads, pretty
from candle_spec.errors import CorruptFileError


@dataclass(slots=True)
class Receipt:
    """One publication.

    Attributes:
        service: Address of the service.
        repository: Name of the repository, or number of the deposit.
        page: Where people look at it.
        state: ``incomplete`` where a run ended early, ``complete`` when all was read back.
        date: When, UTC.
        content_digest: Identity of the model.
        checkpoints: Of each checkpoint, the digests of its manifest here and as published, and what was withheld.
        files: Path, size and checksum of each file that was verified.
    """

    service: str
    repository: str
    page: str = ""
    state: str = "incomplete"
    date: str = ""
    content_digest: str = ""
    checkpoints: list[dict[str, Any]] = field(default_factory=list)
    files: list[dict[str, Any]] = field(default_factory=list)

    def keep(self, path: Path | None, now: Callable[[], float], fs: Fs | None = None) -> None:
        """Write it."""
        self.date = datetime.fromtimestamp(now(), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        if path is not None:
            replace_file(path, pretty(asdict(self), one_line=("files",)), fs=fs)


def receipt_path(checkpoint: Path, service: str) -> Path:
    """Return where the receipt of a checkpoint stands."""
    return checkpoint.with_name(f"{checkpoint.name}.{service}-receipt.json")


def read_receipt(path: Path) -> Receipt | None:
    """Return the receipt of an earlier run, ``None`` where there is none.

    Raises:
        CorruptFileError: The file is no receipt.
    """
    if not path.is_file():
        return None
    document = loads(path.read_bytes(), location=str(path))
    try:
        return Receipt(**document)
    except TypeError as error:
        raise CorruptFileError("this is no receipt", location=str(path), hint="move it away to start anew") from error
