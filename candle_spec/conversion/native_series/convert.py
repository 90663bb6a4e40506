"""Convert the native checkpoints of one training into one series: order, metrics, ``last`` and ``best`` are kept."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from candle_spec import parallel
from candle_spec.atomic import Fs
from candle_spec.conversion.contract import Field, Native
from candle_spec.conversion.convert import Options
from candle_spec.conversion.native_series import last_and_best
from candle_spec.conversion.native_series.layouts import find
from candle_spec.conversion.native_series.member_certificate import Certifier
from candle_spec.conversion.native_series.member_note import document
from candle_spec.conversion.native_series.member_reader import POSITION, position, read_member
from candle_spec.conversion.native_series.members import Member, NativeSeries
from candle_spec.conversion.native_series.rows import ConvertedSeries, Row
from candle_spec.digests import Progress, digest_blocks, no_progress
from candle_spec.errors import CandleSpecError, InvalidInputError, OutputExistsError, ProofFailedError, WriteFailedError
from candle_spec.series.saves.save import Saved
from candle_spec.series.saves.training_state import TrainingState
from candle_spec.series.series import Series
from candle_spec.series.store import StoreSettings
from candle_spec.validation import validate


def convert_series(
    folder: str | Path,
    output: str | Path,
    options: Options | None = None,
    *,
    settings: StoreSettings | None = None,
    progress: Progress = no_progress,
    fs: Fs | None = None,
) -> ConvertedSeries:
    """Convert the native checkpoints in ``folder`` into a series at ``output``.

    A second run with the same output goes on where the first one stopped. A damaged native checkpoint is passed over.

    Args:
        folder: The folder of the checkpoints.
        output: The folder of the new series.
        options: How to convert; ``context`` is by default the folder itself.
        settings: How the series stores: see :class:`candle_spec.series.store.StoreSettings`.
        progress: Called with the bytes of each checkpoint when it is done.
        fs: The file system; replaced by tests.

    Raises:
        InvalidInputError: There is no series, or several; or the output lies in the source.
        OutputExistsError: The output exists and is no series that was converted.
        CandleSpecError: No checkpoint could be converted; the reason is that of the newest.
    """
    options = options or Options()
    found = find(folder)
    target = Path(output).absolute()
    _check_target(target, found)
    stable = _unchanged(found, options)
    made = ConvertedSeries(target, found)
    settings = settings or StoreSettings(jobs=options.jobs, shard_bytes=options.shard_bytes)
    with (
        ThreadPoolExecutor(parallel.jobs(options.jobs), "candle-spec") as pool,
        Series.create_or_open(target, settings=settings, fs=fs) as series,
    ):
        for member in found.members:
            made.rows.append(_converted(series, found, member, options, stable, pool))
            progress(sum(path.stat().st_size for path in _files(member.path)))
        last_and_best.point(series, made, options)
    return made


def _check_target(target: Path, found: NativeSeries) -> None:
    real = target.resolve()
    if real == found.folder or found.folder in real.parents:
        raise InvalidInputError("the output would lie in the source", location=str(target), hint="name another output")
    if not target.exists():
        return
    try:
        held = [entry.path for entry in Series.read(target).entries() if entry.complete]
    except CandleSpecError:
        held = []
    from candle_spec.checkpoint.checkpoint import Checkpoint

    empty = target.is_dir() and not any(target.iterdir())
    if not empty and not (held and all("conversion" in Checkpoint(path).manifest for path in held)):
        raise OutputExistsError(
            "the output exists and is no series that was converted", location=str(target), hint="name another output"
        )


def _unchanged(found: NativeSeries, options: Options) -> frozenset[tuple[str, str]]:
    """Return the tensors that are the same in the first and in the newest checkpoint: most likely never trained.

    A hint for the layout of files, so that they are shared from the first checkpoint on; every digest is taken again.

    Raises:
        CandleSpecError: No checkpoint can be read.
    """
    read: list[dict[tuple[str, str], Any]] = []
    error: CandleSpecError | None = None
    for member in (found.members[0], *reversed(found.members)):
        try:
            read.append(_digests(found, member, options))
        except CandleSpecError as refused:
            error = refused
        if len(read) == (1 if member is found.members[0] and len(found.members) == 1 else 2):
            break
    if not read and error is not None:
        raise error
    first, newest = read[0], read[-1]
    return frozenset(name for name, digest in first.items() if len(read) > 1 and newest.get(name) == digest)


def _digests(found: NativeSeries, member: Member, options: Options) -> dict[tuple[str, str], Any]:
    native = read_member(found, member, options)
    with native.resources:
        return {
            (t.group, t.name): (t.shape, t.dtype, [digest_blocks(part.data.blocks()) for part in t.parts.values()])
            for t in native.tensors
            if t.alias_of is None
        }


def _converted(
    series: Series,
    found: NativeSeries,
    member: Member,
    options: Options,
    stable: frozenset[tuple[str, str]],
    pool: ThreadPoolExecutor,
) -> Row:
    """Convert one; one that cannot be read is no reason to lose the others, a disk that refuses is."""
    try:
        native = read_member(found, member, options)
        with native.resources:
            last_and_best.look_inside(found, native)
            certifier = Certifier(native, pool, without_original=options.without_original)
            state = _state(member, native, options, stable)
            saved = series.save(state, certify=certifier, document=document(found, member, state))
            if not saved.unchanged:
                _check(saved, options)
            warnings = tuple(found.message for found in certifier.warnings)
            return Row(member, saved.path.name, saved, certifier.residue, None, warnings)
    except WriteFailedError:
        raise
    except CandleSpecError as error:
        return Row(member, error=error)


def _state(member: Member, native: Native, options: Options, stable: frozenset[tuple[str, str]]) -> TrainingState:
    """Return the state of a member: what its own content says of the epoch counts where nothing around it does."""
    inside = position(native)
    epoch = member.epoch if member.epoch is not None else inside.get("epoch", 0)
    step = member.step if member.step is not None else inside.get("step")
    contents = native.contents()
    contents.fields = list(_fields(native, options.values))
    counted = member.epoch is not None or "epoch" in inside
    within = member.inside_epoch or (step is not None and not counted)  # steps alone: no epoch is ever complete
    return TrainingState(epoch, contents, step, member.metrics, stable, within)


def _fields(native: Native, given: Mapping[str, Any]) -> Iterator[Field]:
    """Yield what the manifest gets: what the user gave wins; position and name are those of the series."""
    for found in native.fields:
        guessed = found.pointer == "/name" and found.source == "inferred"
        if found.pointer not in POSITION and found.pointer not in given and not guessed:
            yield found
    for at, value in given.items():
        yield Field(at, value, "user")


def _check(saved: Saved, options: Options) -> None:
    """Validate what was saved, from the disk: the store's digests are those of what it meant to write."""
    report = validate(saved.path, jobs=options.jobs)
    for found in report.errors:
        raise ProofFailedError(
            f"the conversion made an invalid checkpoint: {found.code} {found.message}",
            location=f"{saved.path} {found.location.pointer}".strip(),
            hint="a value given with --set may not fit; else please report the file",
        )


def _files(path: Path) -> Iterator[Path]:
    return (file for file in ([path] if path.is_file() else path.rglob("*")) if file.is_file())
