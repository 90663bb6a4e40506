"""Measured values in words: those of a manifest, and those that were added later."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from candle_spec.checkpoint.later_evaluations import evaluation_files, read_evaluation
from candle_spec.errors import CandleSpecError

if TYPE_CHECKING:
    from candle_spec.checkpoint.checkpoint import Checkpoint


def in_words(row: Mapping[str, Any]) -> str:
    """Return one measured value as a line: ``auc-roc 0.87, external cohort, test, n 412``."""
    value = row["value"]
    number = next(iter(value.values())) if isinstance(value, dict) else f"{value:.6g}"
    interval = row.get("interval")
    between = f" [{interval['lower']:.6g}, {interval['upper']:.6g}]" if interval else ""
    about = [str(row[name]) for name in ("target", "dataset", "split", "slice") if name in row]
    about += [f"n {row['n']}"] if "n" in row else []
    return ", ".join([f"{row['metric']['id']} {number}{between}", *about])


def later_in_words(checkpoint: Checkpoint) -> list[str]:
    """Return a line for each value that was added later; one that cannot be trusted is named, and not shown."""
    return list(_lines(checkpoint))


def _lines(checkpoint: Checkpoint) -> Iterator[str]:
    content = checkpoint.document["weights"].get("content_digest", "")
    for file in evaluation_files(checkpoint.path, (row["path"] for row in checkpoint.document["files"])):
        name = f"evaluations/{file.name}"
        try:
            document = read_evaluation(file, content).document
        except CandleSpecError as error:
            yield f"{name}: {error.message}"
            continue
        for row in document["evaluations"]:
            yield f"{name}, {document['created'][:10]}: {in_words(row)}"
