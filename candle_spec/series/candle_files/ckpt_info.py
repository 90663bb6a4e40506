"""``ckpt-info.json``: CANDLE's note on one checkpoint, written for its tools and read from every layout it ever had.

CANDLE writes eight members (https://github.com/ECP-CANDLE/candle_lib, ``ckpt_utils.py``); analysis scripts read the
notes of all epochs as the history of the training. The note here has the same eight, always valid JSON, and more.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from candle_spec import limits
from candle_spec.canonical import loads, pretty, tag_number
from candle_spec.errors import CandleSpecError, CorruptFileError, LimitExceededError, MissingPartError

NAME: Final = "ckpt-info.json"
DISABLED: Final = "__DISABLED__"
FIRST: Final = "__FIRST__"
TIME_FORMAT: Final = "%Y-%m-%d %H:%M:%S"

_OLD_NAMES: Final = {
    "save_best_stat": "save_best_metric",
    "best_stat_last": "best_metric_last",
    "checksum_model": "checksum",
}


@dataclass(frozen=True, slots=True)
class CkptInfo:
    """What a note says.

    Attributes:
        epoch: Number of completed epochs.
        save_best_metric: The metric that says which epoch is best.
        best_metric_last: Its best value so far; ``None`` where there is none yet.
        model_file: Name of the file with the weights, beside the note; empty where no weights were wanted.
        checksum: CRC-32 of that file in decimal, or ``__DISABLED__``.
        timestamp: Local time of the save.
        time_elapsed: Seconds since the save before, or ``__FIRST__``.
        metadata: Any text of the user.
        metrics: Values of this epoch (CANDLE's own note lacks them).
        extra: Further members: ``state_digest``, ``step``, ``reason``, ``run_id``, ….
    """

    epoch: int
    save_best_metric: str | None = None
    best_metric_last: float | None = None
    model_file: str = "model.h5"
    checksum: str = DISABLED
    timestamp: str = ""
    time_elapsed: float | str = FIRST
    metadata: str | None = None
    metrics: Mapping[str, float] = field(default_factory=dict)
    extra: Mapping[str, Any] = field(default_factory=dict)

    @property
    def crc32(self) -> int | None:
        """The stated CRC-32; ``None`` where none was taken: that is no mismatch."""
        return int(self.checksum) if re.fullmatch(r"[0-9]{1,10}", self.checksum) else None

    def to_json(self) -> dict[str, Any]:
        """The note as a document: CANDLE's eight members in its order, then the others."""
        best = None if self.best_metric_last is None else tag_number(self.best_metric_last)
        return {
            "epoch": self.epoch,
            "save_best_metric": self.save_best_metric,
            "best_metric_last": best,
            **({"model_file": self.model_file, "checksum": self.checksum} if self.model_file else {}),
            "timestamp": self.timestamp,
            "time_elapsed": self.time_elapsed,
            "metadata": self.metadata,
            "metrics": {name: tag_number(float(value)) for name, value in sorted(self.metrics.items())},
            **self.extra,
        }

    def to_bytes(self) -> bytes:
        """The note as it stands in the file."""
        return pretty(self.to_json())

    def to_params(self) -> dict[str, Any]:
        """The dictionary that CANDLE's ``restart`` returns: numbers as numbers."""
        return {**self.to_json(), "best_metric_last": self.best_metric_last, "metrics": dict(self.metrics)}


def stamps(moment: datetime) -> tuple[str, str]:
    """Return a moment as CANDLE writes it, local and without a zone, and unambiguously, in UTC."""
    return moment.astimezone().strftime(TIME_FORMAT), moment.astimezone(UTC).isoformat(timespec="seconds")


def read(path: Path) -> CkptInfo:
    """Read a note of any version.

    Raises:
        MissingPartError: There is none.
        CorruptFileError: It is none.
        LimitExceededError: It is too long.
    """
    try:
        data = path.read_bytes()
    except (FileNotFoundError, NotADirectoryError) as error:
        raise MissingPartError(f"{NAME} is not there", location=str(path)) from error
    if len(data) > limits.SETTINGS_BYTES:
        raise LimitExceededError(f"a note of {len(data)} bytes", location=str(path))
    document = loads(_finite(data), location=str(path))
    if not isinstance(document, dict):
        raise CorruptFileError("the note is not a JSON object", location=str(path))
    return parse(document, location=str(path))


def is_note_alone(folder: Path) -> bool:
    """Whether a folder holds nothing but a note that names no model: the weights were not wanted; no checkpoint."""
    try:
        if {path.name for path in folder.iterdir()} != {NAME}:
            return False
        return "model_file" not in loads(_finite((folder / NAME).read_bytes()), location=str(folder))
    except (OSError, TypeError, CandleSpecError):  # no folder, or not any more (a reader holds no lock), or no note
        return False


def _finite(data: bytes) -> bytes:
    """CANDLE writes ``Infinity`` as the best value of a training that improved nothing; that is no JSON."""
    return re.sub(rb"(?<=[:\[,])(\s*)(-?Infinity|NaN)(?=\s*[,}\]])", rb"\1null", data)


def parse(document: Mapping[str, Any], *, location: str) -> CkptInfo:
    """Return what the members of a note say, also under the names that they had in early 2021.

    Raises:
        CorruptFileError: ``epoch`` is missing or no number of epochs.
    """
    about = {_OLD_NAMES.get(key, key): value for key, value in document.items()}
    epoch = about.pop("epoch", None)
    if not isinstance(epoch, int) or isinstance(epoch, bool) or epoch < 0:
        raise CorruptFileError(f"epoch is {epoch!r}, not a number of epochs", location=location)
    # The notes of January 2021 count the last epoch from 0; only they name the checksum after the model.
    completed = epoch + 1 if "checksum_model" in document else epoch
    known = {name: about.pop(name, None) for name in _PLAIN}
    for name in ("model_file", "checksum"):
        if not isinstance(known[name], (str, int, type(None))):
            raise CorruptFileError(f"{name} is {known[name]!r}, not a text", location=location)
        known[name] = None if known[name] is None else str(known[name])
    return CkptInfo(
        epoch=completed,
        best_metric_last=_number(about.pop("best_metric_last", None)),
        metrics=_metrics(about.pop("metrics", None)),
        extra=about,
        **{name: value for name, value in known.items() if value is not None},
    )


_PLAIN: Final = ("save_best_metric", "model_file", "checksum", "timestamp", "time_elapsed", "metadata")


def _number(value: Any) -> float | None:
    if isinstance(value, Mapping) and value.keys() == {"$float"}:
        return float(value["$float"])
    return float(value) if isinstance(value, (int, float)) and not isinstance(value, bool) else None


def _metrics(value: Any) -> dict[str, float]:
    rows = value.items() if isinstance(value, Mapping) else ()
    return {name: number for name, item in rows if (number := _number(item)) is not None}
