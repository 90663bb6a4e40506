"""What programs do by hand with the checkpoints of their series: keep, delete and link, never behind its back.

Names and calls are those of https://github.com/ECP-CANDLE/candle_lib (``ckpt_utils.py``); :class:`CandleCkpt` has these
functions as its methods.
"""

from __future__ import annotations

import os
from pathlib import Path

from candle_spec.atomic import Fs, private_name, write_errors
from candle_spec.candle.checkpoints.interface import Ckpt
from candle_spec.candle.checkpoints.model_folder import check_outside
from candle_spec.candle.checkpoints.restart_source import has_series
from candle_spec.errors import InvalidInputError
from candle_spec.series import pointers
from candle_spec.series.layout import Layout
from candle_spec.series.policy import retention
from candle_spec.series.series import Series


def epochs(ckpt: Ckpt) -> list[int]:
    """The epochs whose checkpoints are there, those of earlier parts of the run too."""
    if ckpt.recorder is not None:
        entries = ckpt.recorder.entries()
    else:
        folder = Path(ckpt.ckpt_directory)
        entries = Series.read(folder).entries() if has_series(folder) else ()
    return sorted({entry.epoch for entry in entries if entry.complete and not entry.superseded})


def keep(ckpt: Ckpt, epoch: int, epoch_now: int, kept: int = 0) -> bool:
    """Whether the hyperparameters keep the checkpoint of an epoch.

    Args:
        ckpt: The checkpoint object.
        epoch: The epoch, counted from 1.
        epoch_now: The newest epoch.
        kept: Unused: what is kept follows from all checkpoints of the run.
    """
    plan = retention.keep(ckpt.opened().recorder.entries(), ckpt.policy.keep)
    return epoch == epoch_now or any(entry.epoch == epoch for entry in plan.keep)


def clean(ckpt: Ckpt, epoch_now: int = 0) -> tuple[int, int]:
    """Delete the checkpoints that the hyperparameters do not keep; done behind every save anyway.

    Args:
        ckpt: The checkpoint object.
        epoch_now: Unused: the newest checkpoint stays in any case.

    Returns:
        How many are kept and how many were deleted.
    """
    series = ckpt.opened().recorder.series()
    if series is None:
        return 0, 0
    plan = retention.keep(series.entries(), ckpt.policy.keep)
    done = series.prune([entry.name for entry in plan.keep])
    return len(done.kept), len(done.removed)


def delete(ckpt: Ckpt, epoch: int) -> None:
    """Delete the checkpoints of an epoch, counted from 1; where there is none, that is said.

    Raises:
        InvalidInputError: One may not be deleted: it is the newest, ``last`` or ``best`` name it, or it is pinned.
    """
    series = ckpt.opened().recorder.series()
    entries = series.entries() if series is not None else ()
    wanted = [entry.name for entry in entries if entry.epoch == epoch]
    if series is None or not wanted:
        ckpt.info(f"there is no checkpoint of epoch {epoch}")
        return
    done = series.prune([entry.name for entry in entries if entry.epoch != epoch])
    spared = [why for name, why in done.spared if name in wanted]
    if spared:
        raise InvalidInputError(f"the checkpoint of epoch {epoch} stays: {spared[0]}", location=ckpt.ckpt_directory)


def symlink(ckpt: Ckpt, src: str | Path, dst: str | Path) -> None:
    """Make a link, or make it anew, in one step: at no moment is there none.

    Args:
        ckpt: The checkpoint object.
        src: What it names; of ``last`` and ``best``, a checkpoint of this training.
        dst: The link.

    Raises:
        InvalidInputError: It is inside the series, and not ``last`` or ``best``.
    """
    link, source = Path(dst).absolute(), Path(src).absolute()
    layout = Layout(ckpt.ckpt_directory)
    if link.parent.resolve() == layout.root.resolve() and link.name in pointers.NAMES:
        series = ckpt.opened().recorder.series()
        if series is not None:
            _point(series, layout, link.name, source)
        return
    check_outside(link.parent, ckpt.ckpt_directory)
    fs, new = Fs(), private_name(link)
    with write_errors(link):
        fs.symlink(os.path.relpath(source, link.parent.resolve()), new)
        fs.rename(new, link)
        fs.sync_folder(link.parent)


def _point(series: Series, layout: Layout, name: str, source: Path) -> None:
    if source.parent.resolve() != layout.epochs.resolve():
        raise InvalidInputError(f"{name} names a checkpoint of this training, not {source}")
    (series.set_last if name == "last" else series.set_best)(source.name)


def relpath(p: str | Path) -> Path:
    """Return a path from the current folder on, if it is below."""
    path = Path(p)
    return path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path
