"""Convert a whole tree: what is there is found by content, mirrored, and a fault of one never stops the others.

A run that was interrupted goes on where it stopped: what was converted from the very same native bytes is not converted
again. Every refusal is a row with a class and a permanent code (``schemas/vocabularies/refusals.json``).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any, Final, Literal

from candle_spec import parallel, resources
from candle_spec.checkpoint.layout import MANIFEST
from candle_spec.conversion.contract import Native
from candle_spec.conversion.convert import SUFFIX, Options, convert
from candle_spec.conversion.discovery import Found, discover
from candle_spec.conversion.native import read_native
from candle_spec.digests import digest_file
from candle_spec.errors import CandleSpecError, InvalidInputError, OutputExistsError
from candle_spec.paths import portable_name

State = Literal["converted", "done", "planned", "refused"]

VOCABULARY: Final = "vocabularies/refusals.json"


@dataclass(frozen=True, slots=True)
class Row:
    """What became of one native checkpoint.

    Attributes:
        source: Its path below the tree's root.
        output: The checkpoint below the output folder, ``""`` where there is none.
        state: ``converted``, ``done`` (by an earlier run), ``planned``, ``refused``.
        title: The format in the field's words.
        tensors: Number of tensors.
        size: Bytes of the native files.
        refusal: Class of the refusal.
        code: Its permanent code.
        message: What is wrong, and where.
        hint: What would help.
    """

    source: str
    output: str = ""
    state: State = "planned"
    title: str = ""
    tensors: int = 0
    size: int = 0
    refusal: str = ""
    code: str = ""
    message: str = ""
    hint: str = ""


@dataclass(frozen=True, slots=True)
class Job:
    """One native checkpoint to convert: its planned row, where it is, and the values to give it."""

    row: Row
    path: Path
    values: Mapping[str, Any]


@cache
def refusals() -> dict[str, dict[str, Any]]:
    """Return the vocabulary of refusals by class."""
    return {term["id"]: term for term in resources.read_json(VOCABULARY)["terms"]}


def plan(root: Path, on_row: Callable[[Row], None] = lambda row: None) -> tuple[list[Row], list[Job], int]:
    """Look at everything below ``root`` without writing anything.

    Returns:
        The rows of what is refused, the jobs of what can be converted, and the number of files that are no checkpoint.
    """
    tree = discover(root)
    refused: list[Row] = []
    jobs: list[Job] = []
    names: set[str] = set()
    outputs: set[str] = set()
    for found in tree.found:
        job = _look(found, root, names, outputs)
        if isinstance(job, Row):
            refused.append(job)
            on_row(job)
        else:
            jobs.append(job)
    return refused, jobs, tree.others


def _look(found: Found, root: Path, names: set[str], outputs: set[str]) -> Row | Job:
    size = _size(found.path)
    if found.error is not None:
        return _refused(Row(found.name, size=size), found.error)
    try:
        native, _ = read_native(found.path, context=root)
    except CandleSpecError as error:
        return _refused(Row(found.name, size=size), error)
    except Exception as error:  # noqa: BLE001 - a fault of one converter is a row, not the end of the batch
        return _refused(Row(found.name, size=size), CandleSpecError(f"{type(error).__name__}: {error}"))
    with native.resources:
        output = _unique("/".join(portable_name(part) for part in found.name.split("/")), outputs) + SUFFIX
        row = Row(found.name, output, "planned", native.format.title, _tensors(native), size)
        return Job(row, found.path, _own_name(native, found.name, names))


def _own_name(native: Native, place: str, names: set[str]) -> dict[str, Any]:
    """Return the value that keeps the names of a batch apart, where another checkpoint has the name already."""
    name = next(str(field.value) for field in native.fields if field.pointer == "/name")
    if name not in names:
        names.add(name)
        return {}
    return {"/name": _unique(f"{name} ({place})"[:200], names)}


def _unique(wanted: str, taken: set[str]) -> str:
    """Return ``wanted``, numbered where it or its like on a system without case is taken."""
    unique, number = wanted, 2
    while unique in taken or unique.lower() in taken:
        unique, number = f"{wanted[:190]}-{number}", number + 1
    taken |= {unique, unique.lower()}
    return unique


def check_output(root: Path, output: Path) -> None:
    """Refuse an output that a second run would take for a part of the tree.

    Raises:
        InvalidInputError: It lies inside the tree.
    """
    if root.is_dir() and output.resolve().is_relative_to(root.resolve()):
        raise InvalidInputError("the output would lie in the source", location=str(output), hint="name another output")


def run(jobs: Iterable[Job], output: Path, options: Options, context: Path) -> Iterator[Row]:
    """Convert; rows come as they are finished.

    Args:
        jobs: What :func:`plan` gave.
        output: The folder of the new checkpoints, made if it is not there.
        options: How to convert each; ``jobs`` is how many at a time.
        context: The tree's root, where a checkpoint finds what describes it.

    Raises:
        InvalidInputError: The output lies inside the tree.
    """
    check_output(context, output)
    output.mkdir(parents=True, exist_ok=True)
    each = replace(options, jobs=1, context=context)
    with ThreadPoolExecutor(max_workers=parallel.jobs(options.jobs), thread_name_prefix="candle-batch") as pool:
        running = [
            pool.submit(_one, job, output, replace(each, values={**options.values, **job.values})) for job in jobs
        ]
        try:
            for future in as_completed(running):
                yield future.result()
        finally:
            for future in running:
                future.cancel()


def _one(job: Job, output: Path, options: Options) -> Row:
    target = output / job.row.output
    try:
        if _is_done(job, target):
            return replace(job.row, state="done")
        target.parent.mkdir(parents=True, exist_ok=True)
        convert(job.path, target, options)
    except CandleSpecError as error:
        return _refused(job.row, error)
    except Exception as error:  # noqa: BLE001 - a fault of one converter is a row, not the end of the batch
        return _refused(job.row, CandleSpecError(f"{type(error).__name__}: {error}"))
    return replace(job.row, state="converted")


def _is_done(job: Job, target: Path) -> bool:
    """Whether an earlier run converted the very same native bytes.

    Raises:
        OutputExistsError: Something else stands there.
    """
    from candle_spec.checkpoint.checkpoint import Checkpoint

    if not target.exists():
        return False
    hint = "name another output folder, or add --overwrite"
    if not (target / MANIFEST).is_file():
        raise OutputExistsError("the output exists and is no checkpoint", location=str(target), hint=hint)
    recorded = Checkpoint(target).document.get("conversion", {}).get("native", {}).get("files", [])
    # Names in the certificate are relative to what was named, or to the tree that it was joined from.
    for folder in (job.path, *job.path.parents):
        if recorded and all((folder / record["path"]).is_file() for record in recorded):
            return all(digest_file(folder / record["path"]) == record["digest"] for record in recorded)
    return False


def _refused(row: Row, error: CandleSpecError) -> Row:
    term = refusals()[error.refusal]
    message = f"{error.message}" + (f" ({error.location})" if error.location else "")
    return replace(
        row,
        output="",
        state="refused",
        refusal=error.refusal,
        code=str(term["code"]),
        message=message,
        hint=error.hint or str(term["hint"]),
    )


def _tensors(native: Native) -> int:
    return len(native.tensors)


def _size(path: Path) -> int:
    if path.is_file():
        return path.stat().st_size
    return sum(file.stat().st_size for file in path.rglob("*") if file.is_file() and not file.is_symlink())


def counts(rows: Iterable[Row]) -> Counter[str]:
    """Return the number of rows by state, refusals by their class."""
    return Counter(row.refusal if row.state == "refused" else row.state for row in rows)


def beyond_baseline(rows: Iterable[Row], baseline: Iterable[Mapping[str, Any]]) -> list[Row]:
    """Return the refusals that the baseline, rows of an earlier report, does not hold.

    Raises:
        InvalidInputError: The baseline is no report.
    """
    try:
        known = {(row["source"], row["code"]) for row in baseline if row.get("state", "refused") == "refused"}
    except (KeyError, TypeError, AttributeError) as error:
        message = "the baseline is no report of a conversion"
        raise InvalidInputError(message, hint="write one with --report json") from error
    return [row for row in rows if row.state == "refused" and (row.source, row.code) not in known]
