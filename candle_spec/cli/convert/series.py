"""``candle-spec convert --series``: a line for each native checkpoint, and what became of the whole."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from candle_spec.cli import exit_codes
from candle_spec.cli.output import words
from candle_spec.cli.output.progress import bar, size_of
from candle_spec.errors import InvalidInputError

if TYPE_CHECKING:
    from candle_spec.conversion.convert import Options
    from candle_spec.conversion.native_series.rows import ConvertedSeries, Row


def convert_series(folder: Path, output: Path | None, options: Options, *, as_json: bool, quiet: bool) -> int:
    """Convert the checkpoints of one training into one series, tell what became of them, and return the exit code.

    Raises:
        InvalidInputError: The output is not named.
    """
    from candle_spec.conversion.native_series import convert

    if output is None:
        raise InvalidInputError("--series wants an output folder", hint="candle-spec convert --series DIR OUT")
    if options.overwrite:
        raise InvalidInputError("a series is never replaced", hint="name another output, or remove it yourself")
    with bar("converting", size_of(folder), quiet=quiet or as_json) as progress:
        made = convert.convert_series(folder, output, options, progress=progress)
    if as_json:
        click.echo(json.dumps(_document(made), indent=2))
    elif not quiet:
        click.echo("\n".join(_lines(made, options)))
    return exit_codes.FINDINGS if made.refused else exit_codes.OK


def _document(made: ConvertedSeries) -> dict[str, Any]:
    rows = [_about(row) for row in made.rows]
    passed = [{"name": name, "reason": reason} for name, reason in made.found.passed_over]
    about = {"path": str(made.path), "kind": made.found.title, "last": made.last, "best": made.best}
    return {**about, "checkpoints": rows, "passed_over": passed}


def _about(row: Row) -> dict[str, Any]:
    if row.error is not None:
        return {"native": row.member.name, "refused": row.error.message}
    saved = row.saved
    written = {"written": saved.written_bytes, "shared": saved.shared_bytes} if saved else {}
    return {"native": row.member.name, "checkpoint": row.folder, **written, "original": row.residue}


def _lines(made: ConvertedSeries, options: Options) -> Iterator[str]:
    yield f"{made.found.title}: {words.plural(len(made.rows), 'checkpoint')} of one training"
    width = max(len(row.member.name) for row in made.rows)
    for row in made.rows:
        if row.error is not None:
            yield f"  {row.member.name:<{width}}  refused: {row.error.message}"
        elif row.saved is not None:
            yield f"  {row.member.name:<{width}}  -> {row.folder}  {_cost(row)}"
            yield from (f"      warning: {warning}" for warning in row.warnings)
    for name, reason in made.found.passed_over:
        yield f"  {name:<{width}}  left out: {reason}"
    yield f"-> {made.path}    last: {made.last}, best: {made.best or 'none'} ({made.why_best})"
    if options.without_original:
        yield "   the native files are not kept"
    else:
        residue = sum(row.residue for row in made.rows)
        yield f"   each comes back byte for byte: proven; that takes {words.size(residue)} beside the tensors"


def _cost(row: Row) -> str:
    if row.saved is None or row.saved.unchanged:
        return "was there already"
    return f"{words.size(row.saved.written_bytes)} written, {words.size(row.saved.shared_bytes)} shared"
