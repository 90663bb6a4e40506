"""``candle-spec migrate``."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from candle_spec.cli import exit_codes
from candle_spec.cli.output import words
from candle_spec.cli.output.progress import bar, size_of
from candle_spec.errors import CandleSpecError

if TYPE_CHECKING:
    from candle_spec.conversion.migration.migrate import Migrated
    from candle_spec.digests import Progress

Row = dict[str, Any]
"""What is said of one checkpoint or series to programs; ``lines`` is what people read."""


@click.command("migrate", epilog="Example: candle-spec migrate model.candle --in-place")
@click.argument("path", type=click.Path(path_type=Path))
@click.option("-o", "--output", type=click.Path(path_type=Path), help="The new folder; PATH stays as it is.")
@click.option("--in-place", is_flag=True, help="The new one takes the place of PATH; the old one is kept beside it.")
@click.option("--dry-run", is_flag=True, help="Show what would change, and write nothing.")
@click.option("--discard", is_flag=True, help="Remove the old one that is kept; with --in-place, when all is done.")
@click.option("--jobs", type=click.IntRange(1), help="Threads (default: at most 2).")
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
@click.option("-q", "--quiet", is_flag=True, help="Print nothing but errors.")
def command(
    path: Path,
    output: Path | None,
    in_place: bool,
    dry_run: bool,
    discard: bool,
    jobs: int | None,
    as_json: bool,
    quiet: bool,
) -> int:
    """Make a checkpoint, a training series, or all that are below PATH, ones of the current version of the format.

    No tensor is rewritten and no identity changes; the new one is validated, and proved to bring the native file back,
    before it gets its name. In place, the old one is kept as PATH.before-rc.1 until --discard.
    """
    from candle_spec.conversion.migration.place import kept_name

    _check_choice(output, in_place=in_place, dry_run=dry_run, discard=discard)
    total = 0 if dry_run or not (in_place or output) else 3 * size_of(path)
    with bar("migrating", total, quiet=quiet or as_json) as progress:

        def act(each: Path) -> Row:
            if dry_run:
                return _planned(each)
            row = _migrated(each, _target(each, path, output), jobs, progress) if in_place or output else {"lines": []}
            if not discard:
                kept = row["kept"] and f"   the old one is kept as {Path(row['kept']).name} ({_how(each)} removes it)"
                return {**row, "lines": [*row["lines"], *filter(None, [kept])]}
            if in_place and not kept_name(each.resolve()).is_dir():
                return row
            gone = _discarded(each)
            return {**row, **gone, "lines": row["lines"] + gone["lines"]}

        rows = _each(path, act, None if quiet or as_json else click.echo)
    if as_json:
        click.echo(json.dumps([{key: row[key] for key in row if key != "lines"} for row in rows], indent=2))
    return exit_codes.FINDINGS if any("error" in row for row in rows) else exit_codes.OK


def _check_choice(output: Path | None, *, in_place: bool, dry_run: bool, discard: bool) -> None:
    if (output is not None) + in_place + dry_run > 1 or (discard and (dry_run or output is not None)):
        raise click.UsageError("-o, --in-place and --dry-run exclude each other; --discard goes with --in-place alone.")
    if not (output or in_place or dry_run or discard):
        raise click.UsageError("Where to? -o OUTPUT, or --in-place; --dry-run shows what would change.")


def _each(path: Path, act: Callable[[Path], Row], show: Callable[[str], object] | None) -> list[Row]:
    """Do something with all that is found; where there are several, a fault of one is a row."""
    from candle_spec.conversion.migration.migrate import found

    rows: list[Row] = []
    every = found(path)
    for each in every:
        try:
            row = act(each)
        except CandleSpecError as error:
            if len(every) == 1:
                raise
            row = {"path": str(each), "error": str(error), "lines": [f"error: {error}"]}
        rows.append(row)
        if show:
            show("\n".join(row["lines"]))
    return rows


def _target(each: Path, path: Path, output: Path | None) -> Path | None:
    """Return where one of those found is to be: several keep their places below the output, whose folders are made."""
    if output is None or path not in each.parents:
        return output
    target = output / each.relative_to(path)
    target.parent.mkdir(parents=True, exist_ok=True)
    return target


def _planned(path: Path) -> Row:
    from candle_spec.conversion.migration.difference import difference
    from candle_spec.conversion.migration.migrate import planned

    lines: list[str] = []
    about: list[Row] = []
    for made in planned(path):
        changes = difference(made)
        about.append(
            {
                "path": str(made.path),
                "from": made.version,
                "changes": [{"kind": one.kind, "old": one.old, "new": one.new, "count": one.count} for one in changes],
            }
        )
        lines += [f"{made.path}: {made.version} -> {made.after['schema_version']}", *(f"  {one}" for one in changes)]
        lines += [f"  stays    {name}  it is withheld from this copy" for name in made.stays]
    if not about:
        lines = [_current(path)]
    return {"path": str(path), "checkpoints": about, "lines": lines}


def _migrated(path: Path, output: Path | None, jobs: int | None, progress: Progress) -> Row:
    from candle_spec.conversion.migration.migrate import migrate

    done = migrate(path, output, jobs=jobs, progress=progress)
    row: Row = {
        "path": str(done.path),
        "checkpoints": [{"path": str(one.path), "from": one.version, **_content(one.after)} for one in done.made],
        "kept": str(done.kept) if done.kept else None,
    }
    return {**row, "lines": _told(path, done) if done.made else [_current(path)]}


def _content(manifest: Mapping[str, Any]) -> dict[str, str]:
    return {"content_digest": manifest["weights"]["content_digest"]}


def _told(path: Path, done: Migrated) -> list[str]:
    count = words.plural(len(done.made), "checkpoint")
    version = done.made[0].after["schema_version"]
    where = path if done.kept else f"{path} -> {done.path}"
    lines = [f"{where}    {count} of version {version}, {words.size(done.copied)} copied"]
    if len(done.made) == 1:
        now, was = (_content(manifest)["content_digest"] for manifest in (done.made[0].after, done.made[0].before))
        lines.append(
            f"   content {now}, {'as before' if now == was else 'with the tensors beside the payload'}; L0-L5 ok"
        )
    stays = sorted({name for made in done.made for name in made.stays})
    if stays:
        lines.append(f"   withheld from this copy, and as they were: {', '.join(stays)}")
    return lines


def _how(path: Path) -> str:
    return f"candle-spec migrate {path} --discard"


def _current(path: Path) -> str:
    from candle_spec.manifest import CURRENT

    return f"{path}    of version {CURRENT} already: nothing to do"


def _discarded(path: Path) -> Row:
    from candle_spec.conversion.migration.migrate import discard

    removed = discard(path)
    return {"path": str(path), "kept": None, "discarded": str(removed), "lines": [f"removed: {removed}"]}
