"""``candle-spec map``."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from candle_spec.cli import exit_codes
from candle_spec.cli.output.repository_words import finding_json, record_lines, schema_lines
from candle_spec.cli.repository_options import epoch_option, shared

if TYPE_CHECKING:
    from candle_spec.repositories.engine.record import Record
    from candle_spec.repositories.templates.template import Template


@click.command("map", epilog="Example: candle-spec map model.pt.candle --to huggingface --out card")
@click.argument("checkpoints", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--to", "wanted", required=True, help="The repository: candle-spec template list names all.")
@click.option("--out", type=click.Path(path_type=Path), help="Folder to write the record's files to.")
@click.option("--explain", is_flag=True, help="Show for each field source, transforms, provenance and loss.")
@click.option("--force", is_flag=True, help="Write a record that is not valid.")
@click.option("--accept-inferred", is_flag=True, help="Take mandatory values that were only inferred.")
@click.option("--overwrite", is_flag=True, help="Replace the folder if it exists.")
@click.option("--json", "as_json", is_flag=True, help="Print the records and all findings as JSON.")
@epoch_option
@shared
def command(
    checkpoints: tuple[Path, ...],
    wanted: str,
    out: Path | None,
    explain: bool,
    force: bool,
    accept_inferred: bool,
    overwrite: bool,
    as_json: bool,
    epoch: str | None,
    templates: tuple[Path, ...],
    model_file: Path | None,
    site: Path | None,
) -> int:
    """Make a repository's record of each of the CHECKPOINTS, and say what is missing, changed or lost."""
    from candle_spec.publish.registry import template
    from candle_spec.publish.sources import chosen, source_of
    from candle_spec.repositories.engine.mapper import map_source, write_record
    from candle_spec.repositories.templates import search

    found = template(search.library(templates), wanted)
    checkpoints = tuple(chosen(checkpoints, epoch))
    reports, refused = [], 0
    for path in checkpoints:
        record = map_source(found, source_of(path, model_file, site))
        blocked = not record.may_be_written(accept_inferred=accept_inferred)
        refused += blocked
        written: list[str] = []
        if out is not None and (force or not blocked):
            target = out if len(checkpoints) == 1 else out / path.name
            written = [str(file) for file in write_record(found, record, target, overwrite=overwrite)]
        reports.append(_report(path, record, written, valid=not blocked))
        if not as_json:
            _show(found, path, record, written, explain=explain, blocked=blocked, out=out)
    if as_json:
        click.echo(json.dumps(reports, ensure_ascii=False, indent=2))
    return exit_codes.FINDINGS if refused else exit_codes.OK


def _report(path: Path, record: Record, written: list[str], *, valid: bool) -> dict[str, Any]:
    return {
        "checkpoint": str(path),
        "template": record.template,
        "valid": valid,
        "documents": record.documents,
        "findings": [finding_json(finding) for finding in record.findings],
        "written": written,
    }


def _show(
    template: Template,
    path: Path,
    record: Record,
    written: list[str],
    *,
    explain: bool,
    blocked: bool,
    out: Path | None,
) -> None:
    click.echo(f"{path}  ->  {record.template}")
    for line in record_lines(record, explain=explain):
        click.echo(line)
    for line in schema_lines(template):
        click.echo(line)
    for name in written:
        click.echo(f"-> {name}")
    if blocked and not written:
        inferred = not record.blocking
        hint = "--accept-inferred takes what was inferred" if inferred else f"candle-spec describe {path} asks for it"
        click.echo(f"not ready, nothing was written: {hint}")
    elif out is None:
        click.echo("ready: --out DIR writes it")
