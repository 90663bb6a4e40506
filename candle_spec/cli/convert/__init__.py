"""``candle-spec convert``."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import click

from candle_spec.canonical import loads
from candle_spec.cli import exit_codes
from candle_spec.cli.convert.series import convert_series
from candle_spec.cli.convert.tree import REPORTS, convert_tree
from candle_spec.cli.output import words
from candle_spec.cli.output.progress import bar, size_of
from candle_spec.cli.output.sizes import parse_size
from candle_spec.errors import (
    CandleSpecError,
    CorruptFileError,
    InvalidInputError,
    LimitExceededError,
    UnsupportedFormatError,
)


@click.command("convert", epilog="Example: candle-spec convert nt3.weights.h5 --topology nt3.model.json")
@click.argument("source", type=click.Path(path_type=Path))
@click.argument("output", type=click.Path(path_type=Path), required=False)
@click.option("--topology", type=click.Path(path_type=Path), help="A separate file with the network's architecture.")
@click.option(
    "--context", type=click.Path(path_type=Path), help="A folder around it that may be read: scores, scalers."
)
@click.option("--overwrite", is_flag=True, help="Replace the output, if it is a checkpoint.")
@click.option("--without-original", is_flag=True, help="Leave out what brings the native file back byte for byte.")
@click.option("--file-digests", is_flag=True, help="State a digest of each weights file as a whole, too.")
@click.option("--shard-size", default="5GB", show_default=True, metavar="SIZE", help="Largest weights file.")
@click.option("--name", help="The model's name, instead of an inferred one.")
@click.option("--set", "values", multiple=True, metavar="POINTER=VALUE", help="A value for the manifest: /title=Uno.")
@click.option("--jobs", type=click.IntRange(1), help="Threads (default: at most 2).")
@click.option("-r", "--recursive", is_flag=True, help="Convert every checkpoint below the folder SOURCE into OUTPUT.")
@click.option("--series", "as_series", is_flag=True, help="Convert the checkpoints of one training into one series.")
@click.option("--plan", "plan_only", is_flag=True, help="With --recursive: only say what would be done.")
@click.option("--report", type=click.Choice(REPORTS), default="text", help="With --recursive: how to print the rows.")
@click.option("--baseline", type=click.Path(path_type=Path), help="With --recursive: a JSON report of known refusals.")
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
@click.option("-q", "--quiet", is_flag=True, help="Print nothing but errors.")
def command(
    source: Path,
    output: Path | None,
    topology: Path | None,
    context: Path | None,
    overwrite: bool,
    without_original: bool,
    file_digests: bool,
    shard_size: str,
    name: str | None,
    values: tuple[str, ...],
    jobs: int | None,
    recursive: bool,
    as_series: bool,
    plan_only: bool,
    report: str,
    baseline: Path | None,
    as_json: bool,
    quiet: bool,
) -> int:
    """Convert the native checkpoint SOURCE (a file or a folder) to the common format.

    With --recursive SOURCE is a folder of checkpoints of any kind: each becomes one below OUTPUT, what cannot be
    converted is listed with its reason, and a second run goes on where the first one stopped.

    With --series SOURCE is the folder of one training's checkpoints (CANDLE's ckpts, Lightning's, the Trainer's, files
    with an epoch or a step in their names): they become one series at OUTPUT, which keeps their order, metrics, last
    and best, and shares what did not change.

    Without OUTPUT the new checkpoint is <file name>.candle in the current folder. The format is found by content;
    nothing that the file names is imported or run.
    """
    from candle_spec.conversion.convert import Options, convert

    options = Options(
        topology=topology,
        context=context,
        overwrite=overwrite,
        without_original=without_original,
        shard_bytes=parse_size(shard_size),
        jobs=jobs,
        values=_values(name, values),
        file_digests=file_digests,
    )
    if recursive and as_series:
        raise InvalidInputError("--recursive makes checkpoints, --series makes a series", hint="leave one of them out")
    if recursive:
        report = "json" if as_json else report
        return convert_tree(source, output, options, plan_only=plan_only, report=report, baseline=baseline)
    if as_series:
        return convert_series(source, output, options, as_json=as_json, quiet=quiet)
    if plan_only or baseline is not None or report != "text":
        raise InvalidInputError("--plan, --report and --baseline go with --recursive", hint="add -r")
    started = time.monotonic()
    with bar("converting", size_of(source), quiet=quiet or as_json) as progress:
        try:
            converted = convert(source, output, options, progress=progress)
        except (InvalidInputError, UnsupportedFormatError) as error:
            _mention_series(source, error)
            raise
    _tell(converted, time.monotonic() - started, as_json=as_json, quiet=quiet)
    return exit_codes.OK


def _mention_series(source: Path, error: CandleSpecError) -> None:
    """Whoever names the folder of a training where one checkpoint is expected may want all of them."""
    from candle_spec.conversion.native_series.layouts import looks_like_one

    if source.is_dir() and looks_like_one(source):
        error.hint = f"{error.hint}; for all of this training: candle-spec convert --series {source} OUT".lstrip("; ")


def _tell(converted: Any, seconds: float, *, as_json: bool, quiet: bool) -> None:
    from candle_spec.checkpoint.checkpoint import Checkpoint
    from candle_spec.conversion.summary import summarize_native, use_it
    from candle_spec.problems import Severity
    from candle_spec.validation import verdict
    from candle_spec.validation.reporters.text import problem_lines

    row = verdict(converted.report)
    if as_json:
        about = {"path": str(converted.path), "seconds": round(seconds, 3), "verdict": row}
        click.echo(json.dumps({**about, "manifest": converted.manifest}, indent=2))
        return
    if quiet:
        return
    summary = summarize_native(converted.native)
    lines = [words.title_line(summary), *words.group_lines(summary), *words.meaning_lines(summary)]
    lines += [f"  {_kept(converted)}", words.code_line(summary)]
    lines.append(f"-> {_shown(converted.path)}    {seconds:.1f} s    {_promise(converted.manifest)}")
    lines.append(f"   {row}")
    for found in converted.report:
        # Foreign code in a pickle has its own line above.
        if found.severity is Severity.WARNING and found.code != "CKP5001":
            lines += problem_lines(found)
    summary.use_it = use_it(Checkpoint(converted.path), summary.groups)
    click.echo("\n".join([*lines, *words.use_it_lines(summary)]))


def _kept(converted: Any) -> str:
    dropped = [part.what for part in converted.native.parts if part.status == "dropped"]
    residue = sum(record["size"] for record in converted.manifest["files"] if record["role"] == "residue")
    return (f"dropped: {', '.join(dropped)}" if dropped else "nothing dropped") + f" · residue {words.size(residue)}"


def _promise(manifest: dict[str, Any]) -> str:
    proven = manifest["conversion"]["restore"]["byte_exact"] == "proven"
    return "comes back byte for byte: proven" if proven else "the native file is not kept"


def _shown(path: Path) -> Path:
    return path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path


def _values(name: str | None, given: tuple[str, ...]) -> dict[str, Any]:
    """Read ``/pointer=value``; a value that is JSON is taken as JSON, all else as text."""
    values: dict[str, Any] = {"/name": name} if name is not None else {}
    for item in given:
        pointer, equals, text = item.partition("=")
        if not equals or not pointer.startswith("/"):
            raise InvalidInputError(f"{item!r} is not POINTER=VALUE", hint="write it like /title=Uno")
        try:
            values[pointer] = loads(text.encode(), location=pointer)
        except (CorruptFileError, LimitExceededError, UnicodeEncodeError):
            values[pointer] = text
    return values
