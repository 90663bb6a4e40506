"""Migrate a checkpoint or a training series, into a new folder or in its place."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from candle_spec.atomic import Fs, Staging, write_errors
from candle_spec.checkpoint.layout import MANIFEST, is_checkpoint
from candle_spec.conversion.migration import folder, place, series
from candle_spec.conversion.migration.bringing import Bringing
from candle_spec.conversion.migration.plan import Plan, plan
from candle_spec.digests import Progress, no_progress
from candle_spec.errors import MissingPathError
from candle_spec.series import outline
from candle_spec.series.opening import open_for_reading


@dataclass(frozen=True, slots=True)
class Migrated:
    """What was made.

    Attributes:
        path: Where it is.
        made: What became of each checkpoint; none where everything is of the current version.
        kept: Where the old folder is kept, if it is.
        copied: Bytes that had to be copied.
    """

    path: Path
    made: tuple[Plan, ...]
    kept: Path | None = None
    copied: int = 0


def found(path: str | Path) -> list[Path]:
    """Return the checkpoints and series at or below a folder, sorted; neither is searched, links are not followed.

    Raises:
        MissingPathError: Nothing is there, or none.
    """
    where = Path(path)
    if where.name == MANIFEST and where.is_file():
        where = where.parent
    if not where.exists() and not place.kept_name(where).is_dir():
        raise MissingPathError("there is no such file or folder", location=str(path))
    if not where.exists():  # a migration that was killed between two renames
        return [where]
    result = sorted(_below(where))
    if not result:
        raise MissingPathError(
            "there is no checkpoint and no series here", location=str(path), hint="candle-spec convert makes one"
        )
    return result


def _below(folder_: Path) -> Iterator[Path]:
    waiting = [folder_]  # no recursion: folders may be nested deeper than calls
    while waiting:
        here = waiting.pop()
        if is_checkpoint(here) or outline.is_series(here):
            yield here
        elif here.is_dir():
            kept = {place.kept_name(each).name for each in here.iterdir()}
            waiting += (
                each
                for each in here.iterdir()
                if each.is_dir() and not each.is_symlink() and not each.name.startswith(".") and each.name not in kept
            )


def planned(path: str | Path) -> Iterator[Plan]:
    """Yield what a migration would change, checkpoint by checkpoint; nothing is written.

    Raises:
        CandleSpecError: See :func:`candle_spec.conversion.migration.plan.plan`.
    """
    where = _folder(path)
    if outline.is_series(where):
        yield from series.plans(open_for_reading(where))
    elif (one := plan(where)) is not None:
        yield one


def migrate(
    path: str | Path,
    output: str | Path | None = None,
    *,
    jobs: int | None = None,
    progress: Progress = no_progress,
    fs: Fs | None = None,
) -> Migrated:
    """Make a checkpoint or a series one of the current version; no tensor is rewritten, no identity changes.

    Args:
        path: The checkpoint's folder, or the series'.
        output: The new folder; ``None``: in its place, and the old one is kept beside it as ``<name>.before-rc.1``.
        jobs: Threads; ``None`` for the default.
        progress: Called with bytes digested.
        fs: The file system; replaced by tests.

    Raises:
        CandleSpecError: It cannot be migrated, and why. Whatever happens, the old folder is as it was.
    """
    fs = fs or Fs()
    root = _folder(path)
    if output is None and not outline.is_series(root):
        place.settle(root, fs)
    bringing = Bringing(fs, linked=output is None)
    if outline.is_series(root):
        return _series(root, output, bringing, jobs, progress)
    one = plan(root)
    if one is None:
        return Migrated(root, ())
    with _staging(root, output, fs) as staging, write_errors(staging.target):
        folder.write(one, staging.path, bringing, jobs=jobs, progress=progress)
        staging.commit()
    return _result(staging, [one], output, bringing)


def _series(
    root: Path, output: str | Path | None, bringing: Bringing, jobs: int | None, progress: Progress
) -> Migrated:
    with series.locked(root, bringing.fs) as store:
        if output is None:
            place.settle(root, bringing.fs)  # by the only writer
        series.refuse_damaged(store)
        if not place.is_old(root):
            return Migrated(root, ())
        with _staging(root, output, bringing.fs) as staging, write_errors(staging.target):
            made = series.write(store, staging.path, bringing, jobs=jobs, progress=progress)
            staging.commit()
    return _result(staging, made, output, bringing)


def discard(path: str | Path, *, fs: Fs | None = None) -> Path:
    """Remove the old folder that a migration in place kept; return where it was.

    Raises:
        CandleSpecError: None is kept, or it is not what the folder was made of.
    """
    return place.discard(_folder(path), fs or Fs())


def _folder(path: str | Path) -> Path:
    where = Path(path).resolve()
    return where.parent if where.name == MANIFEST and where.is_file() else where


def _staging(root: Path, output: str | Path | None, fs: Fs) -> Staging:
    if output is None:
        return place.same_place(root, fs)
    return place.new_place(output, root, fs)


def _result(staging: Staging, made: Sequence[Plan], output: str | Path | None, bringing: Bringing) -> Migrated:
    kept = place.kept_name(staging.target) if output is None else None
    return Migrated(staging.target, tuple(made), kept, bringing.brought)
