"""``ckpt-info.json`` of a converted checkpoint: what CANDLE's own note said, else what the folder around it says."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from pathlib import Path

from candle_spec.conversion.native_series.members import Member, NativeSeries
from candle_spec.errors import CandleSpecError
from candle_spec.series.candle_files import ckpt_info, save_note
from candle_spec.series.candle_files.ckpt_info import CkptInfo
from candle_spec.series.policy import decisions as policy
from candle_spec.series.policy.decisions import Moment, SavePolicy
from candle_spec.series.saves.training_state import TrainingState
from candle_spec.series.store import Documents


def document(found: NativeSeries, member: Member, state: TrainingState) -> Documents:
    """Return what makes the note of a converted checkpoint.

    Its checksum is left out: it was one of the native file, and the note names the file of the weights here.

    Args:
        found: The series.
        member: The native checkpoint.
        state: What is saved.
    """
    step = {} if state.step is None else {"step": state.step}
    info = _native(member.path) or _made(found, member)
    # The note's own sha256, of a model that an earlier version of the format saved, is that of another file.
    extra = {key: value for key, value in info.extra.items() if key not in ("sha256", "state_digest")}
    metrics = state.metrics or info.metrics
    info = replace(info, epoch=state.epoch, checksum=ckpt_info.DISABLED, metrics=metrics, extra={**extra, **step})
    return save_note.note(info)


def _native(path: Path) -> CkptInfo | None:
    """Return CANDLE's own note, where there is one that can be read."""
    folder = path if path.is_dir() else path.parent
    if path.is_file() and path.name != CkptInfo(0).model_file:
        return None
    try:
        return ckpt_info.read(folder / ckpt_info.NAME)
    except CandleSpecError:
        return None  # none, or a broken one: the certificate says what was converted


def _made(found: NativeSeries, member: Member) -> CkptInfo:
    """Make a note of names, metrics and the time stamps of the native files."""
    place = found.members.index(member)
    now = _time(member)
    local, utc = ckpt_info.stamps(now)
    rules = SavePolicy(metric=found.metric) if found.metric else None
    return CkptInfo(
        epoch=member.epoch or 0,
        save_best_metric=found.metric or None,
        best_metric_last=_best(found.members[: place + 1], rules) if rules else None,
        timestamp=local,
        time_elapsed=save_note.elapsed(now, _time(found.members[place - 1]) if place else None),
        extra={"timestamp_utc": utc},
    )


def _best(members: list[Member], rules: SavePolicy) -> float | None:
    past = policy.History()
    for member in members:
        moment = Moment(member.epoch or 0, member.step, metrics=member.metrics)
        past = policy.advance(rules, moment, past, saved=True)
    return past.best


def _time(member: Member) -> datetime:
    """When the native checkpoint was written last: of a folder, its newest file."""
    files = [file for file in member.path.rglob("*") if file.is_file()] if member.path.is_dir() else []
    return datetime.fromtimestamp(max(file.stat().st_mtime for file in files or [member.path])).astimezone()
