"""The folders of CANDLE, wherever it put them: see :mod:`candle_spec.series.candle_files.old_layouts`."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Final

from candle_spec.conversion.native_series import logs
from candle_spec.conversion.native_series.members import Member, NativeSeries
from candle_spec.errors import CandleSpecError
from candle_spec.series.candle_files import ckpt_info, old_layouts
from candle_spec.series.candle_files.ckpt_info import CkptInfo

_TITLE: Final = "CANDLE checkpoint folders"


def find(folder: Path) -> NativeSeries | None:
    """Return the checkpoints of a ``ckpt_directory``, or of one above it; ``None`` where there is none of CANDLE's."""
    places = list(old_layouts.candidates(folder))
    if not any((place / ckpt_info.NAME).is_file() for place in places):
        return None
    found = NativeSeries(_TITLE, folder)
    notes: dict[int, CkptInfo] = {}
    members: dict[int, Member] = {}
    for place in places:
        name = place.relative_to(folder).as_posix()
        try:
            info = ckpt_info.read(place / ckpt_info.NAME)
        except CandleSpecError as error:
            found.passed_over.append((name, error.message))
            continue
        notes.setdefault(info.epoch, info)
        if not (place / Path(info.model_file).name).is_file():
            found.passed_over.append((name, f"only the note is left; {info.model_file} was deleted"))
        elif place.name == "last" and place.is_symlink():
            continue  # its target comes by its own name
        else:
            members.setdefault(info.epoch, Member(name, place, info.epoch, None, info.metrics))
    _add_linked(folder, places, members)
    measured = _with_best(members.values(), notes)
    found.members = sorted(logs.add_metrics(measured, logs.tables((folder, folder.parent))), key=lambda m: m.order)
    found.metric = next((info.save_best_metric for info in notes.values() if info.save_best_metric), "")
    found.last, found.best = _linked(folder, "last", found.members), _linked(folder, "best", found.members)
    return found


def _add_linked(folder: Path, places: Iterable[Path], members: dict[int, Member]) -> None:
    """A link ``last`` may lead to a folder of the tree that has no number."""
    for place in places:
        target = place.resolve()
        if place.is_symlink() and target.is_relative_to(folder.resolve()) and (target / ckpt_info.NAME).is_file():
            info = ckpt_info.read(target / ckpt_info.NAME)
            if (target / Path(info.model_file).name).is_file():
                name = target.relative_to(folder.resolve()).as_posix()
                members.setdefault(info.epoch, Member(name, target, info.epoch, None, info.metrics))


def _with_best(members: Iterable[Member], notes: dict[int, CkptInfo]) -> list[Member]:
    """A note gives the best value so far: it is the epoch's own where the note of the epoch before had another."""
    measured = []
    for member in members:
        epoch = member.epoch or 0
        info, before = notes[epoch], notes.get(epoch - 1)
        value, metric = info.best_metric_last, info.save_best_metric
        is_first = epoch == 1 or (before is not None and before.best_metric_last != value)
        if metric and value is not None and is_first and metric not in member.metrics:
            member = replace(member, metrics={**member.metrics, metric: value})
        measured.append(member)
    return measured


def _linked(folder: Path, name: str, members: Iterable[Member]) -> str:
    """Return the member that a link names, also where the tree was moved and the absolute link leads nowhere."""
    by_path = {member.path.resolve(): member.name for member in members}
    by_number = {member.path.name: member.name for member in members}
    for link in (folder / root / name for root in old_layouts.ROOTS):
        if link.is_symlink():
            return by_path.get(link.resolve()) or by_number.get(Path(os.readlink(link)).name, "")
    return ""
