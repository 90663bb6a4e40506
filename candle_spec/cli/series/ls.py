"""``candle-spec series ls``."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from candle_spec.cli.output import words
from candle_spec.cli.series import _arguments

if TYPE_CHECKING:
    from candle_spec.series.entries import Entry

_METRICS = 4
"""Columns for metrics; the rest is in --json."""


@click.command("ls", epilog="Example: candle-spec series ls out/ckpts")
@_arguments.folder
@_arguments.as_json
def command(folder: Path, as_json: bool) -> None:
    """List the checkpoints of the series at DIR, in the order of the training."""
    from candle_spec.series.series import Series

    series = Series.read(folder)
    entries, last, best = series.entries(), series.last(), series.best()
    flags = {entry.name: _flags(entry, last, best) for entry in entries}
    rows = [{**_arguments.about(entry), "flags": flags[entry.name]} for entry in entries]
    document = {"path": str(series.path), "name": series.name, "run_id": series.run_id, "checkpoints": rows}
    _arguments.show(document, "\n".join(_table(entries, flags)), json_wanted=as_json)


def _flags(entry: Entry, last: Entry | None, best: Entry | None) -> list[str]:
    flags = [name for name, named in (("last", last), ("best", best)) if named is not None and named.path == entry.path]
    flags += [name for name in ("superseded", "pinned") if getattr(entry, name)]
    return [*flags, *(f"tag:{tag}" for tag in entry.tags), *(() if entry.complete else ("damaged",))]


def _table(entries: Sequence[Entry], flags: dict[str, list[str]]) -> Iterator[str]:
    from candle_spec.series.entries import size_on_disk

    names = list(dict.fromkeys(name for entry in entries for name in entry.metrics))[:_METRICS]
    rows = [["epoch", "step", *names, "size", "unique", ""]]
    for entry in entries:
        step = "" if entry.step is None else str(entry.step)
        metrics = [f"{entry.metrics[name]:.5g}" if name in entry.metrics else "" for name in names]
        sizes = [words.size(entry.size), words.size(entry.unique_size)]
        rows.append([entry.name, step, *metrics, *sizes, " ".join([*flags[entry.name], *entry.problems])])
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    for row in rows:
        cells = [cell.rjust(width) for cell, width in zip(row[:-1], widths, strict=False)]
        yield "  ".join([*cells, row[-1]]).rstrip()
    whole, unique = sum(entry.size for entry in entries), size_on_disk(entries)
    count = words.plural(len(entries), "checkpoint")
    yield f"{count}, {words.size(unique)} on disk, {words.size(whole)} if nothing was shared"
