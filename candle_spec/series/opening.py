"""Open a series: make its folders, take its lock, finish what a killed process left, read its checkpoints."""

from __future__ import annotations

import os
import uuid
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from candle_spec.atomic import STAGING_MARK, Fs, write_errors
from candle_spec.checkpoint.checkpoint import Checkpoint
from candle_spec.checkpoint.layout import MANIFEST
from candle_spec.errors import CandleSpecError, InvalidInputError, MissingPathError
from candle_spec.series import pointers, replacing
from candle_spec.series import record as records
from candle_spec.series.events import log
from candle_spec.series.layout import Layout, private_name
from candle_spec.series.live import Live, scan
from candle_spec.series.lock import Lock
from candle_spec.series.record import Attempt, Record
from candle_spec.series.saves.file_groups import Grouping, seen_in
from candle_spec.series.saves.file_writer import FileWriter
from candle_spec.series.store import RunIdentity, Store, StoreSettings


def open_for_writing(
    folder: str | Path, settings: StoreSettings, description: Mapping[str, Any], run: RunIdentity, fs: Fs
) -> Store:
    """Open or create a series; see :meth:`candle_spec.series.series.Series.create_or_open`."""
    layout = Layout(folder)
    if (layout.root / MANIFEST).exists():
        raise InvalidInputError(
            "this is a checkpoint, not a folder for a series",
            location=str(layout.root),
            hint="name another folder",
        )
    with write_errors(layout.root):
        _make_folders(layout, fs)
        lock = Lock(layout.lock)
        try:
            return _opened(layout, settings, description, run, fs, lock)
        except BaseException:
            lock.close()
            raise


def open_for_reading(folder: str | Path) -> Store:
    """Open a series without changing anything."""
    layout = Layout(folder)
    if not layout.is_series:
        raise MissingPathError(
            "there is no training series here",
            location=str(folder),
            hint="name the folder that holds epochs/ and .candle/ (ckpt_directory)",
        )
    live, faulty = scan(layout)
    try:
        record = records.read(layout.record)
    except (CandleSpecError, OSError):  # the checkpoints are the truth; what only the record knows is missing
        record = rebuilt(layout, live)
    return Store(layout, Fs(), StoreSettings(), record, live=live, faulty=faulty)


def _opened(
    layout: Layout, settings: StoreSettings, description: Mapping[str, Any], run: RunIdentity, fs: Fs, lock: Lock
) -> Store:
    _clean(layout, fs)
    live, faulty = scan(layout)
    record = _record(layout, live, run, fs)
    if not lock.supported:
        record.file_system["lock"] = False
    others = [found for other in settings.dedup_from for found in _others(other)]
    direct = settings.direct_io == "auto"
    return Store(
        layout=layout,
        fs=fs,
        settings=settings,
        record=record,
        run=run,
        description=dict(description),
        lock=lock,
        writer=FileWriter(fs, record.file_system, direct=direct, jobs=settings.jobs),
        live=live,
        faulty=faulty,
        others=others,
        grouping=_grouping([found for found in live if found.run_id == record.run_id]),
    )


def _make_folders(layout: Layout, fs: Fs) -> None:
    """Make what is missing and make the entries durable, from the outside in."""
    missing = [parent for parent in (layout.root, *layout.root.parents) if not parent.is_dir()]
    for folder in reversed(missing):
        fs.make_folder(folder)
        fs.sync_folder(folder.parent)
    outer = [folder for folder in (layout.epochs, layout.store) if not folder.is_dir()]
    inner = [folder for folder in (layout.staging, layout.trash, layout.bad) if not folder.is_dir()]
    for folder in outer + inner:
        fs.make_folder(folder)
    if outer:
        fs.sync_folder(layout.root)
    if inner and layout.record.is_file():
        fs.sync_folder(layout.store)  # of a new series, the record is written next, and does so


def _clean(layout: Layout, fs: Fs) -> None:
    """Finish or forget what a killed process left; the lock says that it is gone."""
    replacing.recover(layout, fs)
    for path in sorted(layout.staging.iterdir()):
        if path.is_dir() and not path.is_symlink():
            fs.remove_tree(path)
        else:
            fs.remove_file(path)
    replacing.empty_trash(layout, fs)
    for name in pointers.NAMES:
        if os.path.lexists(pointers.private(layout, name)):
            fs.remove_file(pointers.private(layout, name))
    for folder in (layout.root, layout.store):
        for path in sorted(folder.iterdir()):
            if path.name.startswith(".") and STAGING_MARK in path.name and path.is_file():
                fs.remove_file(path)


def _record(layout: Layout, live: list[Live], run: RunIdentity, fs: Fs) -> Record:
    """Read the record, make a new one, or rebuild a damaged one from the checkpoints."""
    if layout.record.is_file():
        try:
            return records.read(layout.record)
        except CandleSpecError as error:
            kept = layout.bad / private_name(layout.record.name)
            log.warning("%s; rebuilt from the checkpoints, pins and tags are lost (kept: %s)", error, kept)
            fs.rename(layout.record, kept)
    record = rebuilt(layout, live, run.name)
    records.write(record, layout.record, fs)
    return record


def rebuilt(layout: Layout, live: list[Live], name: str = "") -> Record:
    """Return a new record; of a series that has checkpoints, with the run and the attempts that they name."""
    newest = max(live, key=lambda found: found.age, default=None)
    run_id = newest.run_id if newest is not None and newest.run_id else str(uuid.uuid4())
    created = min((found.created for found in live), default=records.now())
    record = Record(run_id, name or layout.root.parent.name or "series", created)
    for number in sorted({found.attempt for found in live if found.run_id == run_id and found.attempt}):
        own = [found for found in live if found.run_id == run_id]
        record.attempts.append(_derived(number, [found for found in own if found.attempt <= number]))
    if not record.attempts:
        record.attempts.append(Attempt(1, record.created))
    return record


def _derived(number: int, own: list[Live]) -> Attempt:
    """Return an attempt as far as its checkpoints tell: it went on from the newest one before its first."""
    mine = [found for found in own if found.attempt == number]
    first = min(found.point.order for found in mine)
    before = [found.point for found in own if found.attempt < number and found.point.order < first]
    started = min(found.created for found in mine)
    return Attempt(number, started, "", max(before, key=lambda point: point.order, default=None), committed=True)


def _grouping(own: list[Live]) -> Grouping:
    """Learn from the newest checkpoints which tensors share a file and which ones change."""
    grouping = Grouping()
    for live in sorted(own, key=lambda found: found.age)[-2:]:
        grouping.observe(seen_in(Checkpoint(live.path).tensors))
    return grouping


def _others(folder: str | Path) -> list[Live]:
    """Return the checkpoints of another series, newest first; none where it is not there (yet)."""
    live, _ = scan(Layout(folder))
    return sorted(live, key=lambda found: found.age, reverse=True)
