"""What was published, as the service confirmed it; beside the checkpoint, never in it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import Field, asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Protocol, Self

from candle_spec.atomic import Fs, replace_file
from candle_spec.canonical import loads, pretty
from candle_spec.errors import CorruptFileError

if TYPE_CHECKING:
    from candle_spec.publish.draft import Draft


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

    @classmethod
    def of(cls, draft: Draft, service: str, repository: str) -> Self:
        """Return the receipt of a draft before anything of it was sent."""
        checkpoints = [dict(about) for about in draft.checkpoints]
        return cls(service, repository, content_digest=draft.content_digest, checkpoints=checkpoints)


class Dated(Protocol):
    """A receipt of some service: a dataclass that says of when it is."""

    date: str
    __dataclass_fields__: ClassVar[dict[str, Field[Any]]]


def keep(receipt: Dated, path: Path | None, now: Callable[[], float], fs: Fs | None = None) -> None:
    """Write a receipt with its date, where it has a place.

    Args:
        receipt: The receipt.
        path: Its place.
        now: Seconds since 1970.
        fs: The file system; replaced by tests.
    """
    receipt.date = datetime.fromtimestamp(now(), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    if path is not None:
        replace_file(path, pretty(asdict(receipt), one_line=("files",)), fs=fs)


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
