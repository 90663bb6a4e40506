"""``candle-spec validate``."""

from __future__ import annotations

import os
import shlex
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

import click

from candle_spec.cli import exit_codes
from candle_spec.cli.output.progress import bar
from candle_spec.errors import CandleSpecError, InvalidInputError, MissingPathError
from candle_spec.validation import reporters

_MOST_LOOKED_AT = 2_000


@click.command("validate", epilog="Example: candle-spec validate models/ --format json")
@click.argument("paths", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--format", "form", type=click.Choice(reporters.names()), default=reporters.USUAL, help="How to report.")
@click.option("--json", "as_json", is_flag=True, help="The same as --format json.")
@click.option("--level", type=click.Choice([f"L{n}" for n in range(6)]), default="L5", help="The last level to run.")
@click.option("--public-key", type=click.Path(path_type=Path), help="Signatures must be made with this key (PEM).")
@click.option("--strict-safe", is_flag=True, help="An inert pickle of foreign code is an error.")
@click.option("--strict", is_flag=True, help="Warnings are findings too.")
@click.option("--jobs", type=click.IntRange(1), help="Threads (default: at most 2).")
@click.option("-v", "--verbose", is_flag=True, help="Show findings that need no action.")
@click.option("-q", "--quiet", is_flag=True, help="Print nothing; the exit code tells.")
def command(
    paths: tuple[Path, ...],
    form: str,
    as_json: bool,
    level: str,
    public_key: Path | None,
    strict_safe: bool,
    strict: bool,
    jobs: int | None,
    verbose: bool,
    quiet: bool,
) -> int:
    """Validate the checkpoints at or below PATHS, level by level.

    L0 parse, L1 schema, L2 semantics, L3 files, L4 weights, L5 safety; with L3, L8 signatures.
    """
    from candle_spec.validation import validate

    form = "json" if as_json else form
    found = [checkpoint for path in paths for checkpoint in _checkpoints(path)]
    with bar("validating", _work(found, int(level[1])), quiet=quiet or form != reporters.USUAL) as progress:
        reports = [
            validate(
                path,
                max_level=int(level[1]),
                strict_safe=strict_safe,
                jobs=jobs,
                progress=progress,
                public_key=public_key,
            )
            for path in found
        ]
    if not quiet:
        style = reporters.Style(colour=sys.stdout.isatty() and "NO_COLOR" not in os.environ, infos=verbose)
        click.echo(reporters.render(form, reports, style))
    serious = ("error", "warning") if strict else ("error",)
    failed = any(problem.severity in serious for report in reports for problem in report)
    return exit_codes.FINDINGS if failed else exit_codes.OK


def _work(checkpoints: Iterable[Path], level: int) -> int:
    """Return about how many bytes will be digested: those of all files, and those of the weights twice."""
    from candle_spec.checkpoint.layout import walk

    if level < 3 or not sys.stderr.isatty():
        return 0
    folders = (path if path.is_dir() else path.parent for path in checkpoints)
    entries = [entry for folder in folders for entry in walk(folder)]
    twice = [entry.size for entry in entries if level > 3 and entry.path.endswith(".safetensors")]
    return sum(entry.size for entry in entries) + sum(twice)


def _checkpoints(path: Path) -> Iterator[Path]:
    """Yield the checkpoints at or below a path.

    Raises:
        MissingPathError: Nothing is there, or no checkpoint; native ones seen are counted.
        InvalidInputError: It is a native checkpoint.
    """
    from candle_spec.checkpoint.layout import MANIFEST, YAML_MANIFESTS, is_checkpoint
    from candle_spec.manifest.documents import YAML_SUFFIXES
    from candle_spec.validation import find_checkpoints

    if not path.exists():
        raise MissingPathError("there is no such file or folder", location=str(path))
    if is_checkpoint(path) or (path.name in YAML_MANIFESTS and path.is_file()):
        yield path
        return
    if path.is_file():
        title = _native_title(path)
        if not title:
            hint = "name a folder that holds one"
            if path.suffix.lower() in YAML_SUFFIXES:
                hint = f"candle-spec schema to-json {shlex.quote(str(path))} -o NAME.candle/{MANIFEST}"
            raise InvalidInputError("this is no checkpoint", location=str(path), hint=hint)
        hint = f"candle-spec convert {shlex.quote(str(path))}"
        raise InvalidInputError(
            f"this is a native checkpoint ({title}): convert it first", location=str(path), hint=hint
        )
    found = find_checkpoints(path)
    if not found:
        natives = sum(1 for file in _files(path) if _native_title(file))
        seen = f"; {natives} native ones were seen" if natives else ""
        hint = "candle-spec convert makes checkpoints of native ones" if natives else ""
        raise MissingPathError(f"no checkpoint is here or below{seen}", location=str(path), hint=hint)
    yield from found


def _files(folder: Path) -> Iterator[Path]:
    """Yield some files of a folder, links left out: enough to say what is there."""
    count = 0
    for parent, _, names in os.walk(folder):
        for name in sorted(names):
            file = Path(parent, name)
            if count < _MOST_LOOKED_AT and file.is_file() and not file.is_symlink():
                count += 1
                yield file


def _native_title(path: Path) -> str:
    """What native checkpoint a file is, or ``""``."""
    from candle_spec.conversion import registry
    from candle_spec.conversion.source import resolve_source

    try:
        return registry.detect(resolve_source(path))[1].title
    except CandleSpecError:  # of no known kind, empty, or damaged: not one to count
        return ""
