"""``candle-spec convert --recursive``: a line for each native checkpoint, a summary, an exit code for CI."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

import click

from candle_spec.cli import exit_codes
from candle_spec.cli.output import words
from candle_spec.errors import InvalidInputError, MissingPathError

if TYPE_CHECKING:
    from candle_spec.conversion.batch import Row
    from candle_spec.conversion.convert import Options

REPORTS = ("text", "json", "junit", "csv")


def convert_tree(
    root: Path, output: Path | None, options: Options, *, plan_only: bool, report: str, baseline: Path | None
) -> int:
    """Convert everything below ``root``, tell what became of it, and return the exit code.

    Raises:
        InvalidInputError: The output is not named or lies inside the tree, or the baseline is no report.
        MissingPathError: There is no such folder, or nothing in it.
    """
    from candle_spec.conversion import batch, batch_report

    known = [] if baseline is None else batch_report.read_rows(baseline)
    if output is not None:
        batch.check_output(root, output)
    elif not plan_only:
        raise InvalidInputError("--recursive wants an output folder", hint="candle-spec convert -r DIR OUT")
    target = output or root
    text = report == "text"
    rows, jobs, others = batch.plan(root, _tell if text else _silent)
    if not rows and not jobs:
        raise MissingPathError(f"no checkpoint among {others} files", location=str(root))
    for row in [job.row for job in jobs] if plan_only else batch.run(jobs, target, options, root):
        rows.append(row)
        if text:
            _tell(row)
    rows.sort(key=lambda row: row.source)
    new = batch.beyond_baseline(rows, known)
    if text:
        click.echo("\n".join(_summary(rows, others, len(new), baseline is not None)))
    else:
        make = {"json": lambda: batch_report.as_json(rows, others), "junit": lambda: batch_report.as_junit(rows)}
        click.echo(make.get(report, lambda: batch_report.as_csv(rows))())
    return exit_codes.FINDINGS if new else exit_codes.OK


def _silent(row: Row) -> None:
    """Rows of a report for programs are printed at the end."""


def _tell(row: Row) -> None:
    if row.state == "refused":
        click.echo(f"refused    {row.source}    {row.code} {row.refusal}: {row.message}\n           -> {row.hint}")
    else:
        about = f"{row.title}, {words.plural(row.tensors, 'tensor')}, {words.size(row.size)}"
        click.echo(f"{row.state:<10} {row.source}    {about}")


def _summary(rows: Iterable[Row], others: int, new: int, has_baseline: bool) -> list[str]:
    from candle_spec.conversion.batch import counts, refusals

    found = counts(rows)
    states = {name: found.pop(name, 0) for name in ("converted", "done", "planned")}
    refused = sum(found.values())
    shown = ", ".join(f"{number} {name}" for name, number in states.items() if number) or "0 converted"
    lines = ["", f"{shown}, {refused} refused, {words.plural(others, 'other file')}"]
    lines += [f"  {number:>4}  {refusals()[name]['code']} {name}" for name, number in sorted(found.items())]
    if has_baseline:
        lines.append(f"{new} beyond the baseline")
    return lines
