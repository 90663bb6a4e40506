"""Migrate a training series: all of its checkpoints, whose shared files stay shared, and what it keeps about itself."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Final

from candle_spec.atomic import Fs
from candle_spec.canonical import pretty
from candle_spec.conversion.migration import folder
from candle_spec.conversion.migration.bringing import Bringing, entries
from candle_spec.conversion.migration.plan import Plan, plan
from candle_spec.digests import Progress, no_progress
from candle_spec.errors import CorruptFileError
from candle_spec.series.layout import RECORD, STORE, Layout
from candle_spec.series.opening import open_for_writing
from candle_spec.series.series import Series
from candle_spec.series.store import RunIdentity, Store, StoreSettings

_LEFT: Final = (f"{STORE}/lock", f"{STORE}/{RECORD}", f"{STORE}/staging/", f"{STORE}/trash/")
"""What is of the old folder alone: its lock, its record, which is written anew, and what is on its way."""


@contextmanager
def locked(path: Path, fs: Fs) -> Iterator[Store]:
    """Open a series as its only writer; what a killed process left there is finished or removed.

    Raises:
        SeriesInUseError: Another process writes into it.
    """
    store = open_for_writing(path, StoreSettings(jobs=1), {}, RunIdentity(), fs)
    with Series(store):
        yield store


def refuse_damaged(store: Store) -> None:
    """Refuse a series of which a checkpoint cannot be read.

    Raises:
        CorruptFileError: It is damaged, and why.
    """
    if store.faulty:
        where, why = store.faulty[0]
        raise CorruptFileError(
            f"a checkpoint of the series is damaged: {why}",
            location=str(where),
            hint="candle-spec series repair, or take it out of epochs/",
        )


def plans(store: Store) -> Iterator[Plan]:
    """Yield what becomes of the checkpoints that are of an older version.

    Raises:
        CorruptFileError: A checkpoint of the series cannot be read.
    """
    refuse_damaged(store)
    for live in store.live:
        if (made := plan(live.path)) is not None:
            yield made


def write(
    store: Store, target: Path, bringing: Bringing, *, jobs: int | None, progress: Progress = no_progress
) -> list[Plan]:
    """Write a migrated series, which has no name yet; return what became of its checkpoints, without documents.

    Args:
        store: The series, locked.
        target: The private folder; it is empty.
        bringing: Brings the files that stay as they are.
        jobs: Threads; ``None`` for the default.
        progress: Called with bytes digested.

    Raises:
        CandleSpecError: See :func:`candle_spec.conversion.migration.folder.write`.
    """
    layout, new = store.layout, Layout(target)
    for each in (new.epochs, new.store, new.staging, new.trash, new.bad):
        bringing.fs.make_folder(each)
    made: list[Plan] = []
    for one in plans(store):
        folder.write(one, new.epochs / one.path.name, bringing, jobs=jobs, progress=progress)
        made.append(replace(one, documents={}))  # a state tree may be large, and a series long
    migrated = tuple(f"{layout.epochs.name}/{one.path.name}/" for one in made)
    for path, source in entries(layout.root):
        if path.startswith((*_LEFT, *migrated)):
            continue
        if source.is_symlink():
            bringing.link(_relative(source, layout.root), target / path)
        else:
            bringing.file(source, target / path)
    bringing.write(new.record, _record(store, made), like=layout.record)
    return made


def _record(store: Store, made: Sequence[Plan]) -> bytes:
    """Return the record, whose pins and tags name the migrated checkpoints by their new seals."""
    seals = {one.before["manifest_digest"]: one.after["manifest_digest"] for one in made}
    marks = [
        replace(mark, manifest_digest=seals.get(mark.manifest_digest, mark.manifest_digest))
        for mark in store.record.marks
    ]
    return pretty(replace(store.record, marks=marks).to_json())


def _relative(link: Path, root: Path) -> str:
    """Return what a link says; one that names the series by its place names it by where it lies itself."""
    content = os.readlink(link)
    if os.path.isabs(content) and root in Path(content).parents:
        return os.path.relpath(content, link.parent)
    return content
