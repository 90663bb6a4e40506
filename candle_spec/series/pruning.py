"""Delete checkpoints: strictly after what is to stay is durable, and never the last good one."""

from __future__ import annotations

import os
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

from candle_spec.atomic import write_errors
from candle_spec.series import pointers, replacing
from candle_spec.series.entries import entries
from candle_spec.series.layout import private_name
from candle_spec.series.live import Live, inode
from candle_spec.series.store import Store


@dataclass(frozen=True, slots=True)
class Pruned:
    """What a pruning did, or would do.

    Attributes:
        removed: Names of the checkpoints deleted.
        kept: Names of those that stay.
        spared: Names that were not to be kept and stay all the same, with the reason.
        freed_bytes: Bytes that no remaining checkpoint holds.
    """

    removed: tuple[str, ...]
    kept: tuple[str, ...]
    spared: tuple[tuple[str, str], ...]
    freed_bytes: int


def prune(store: Store, keep: Collection[int | str], *, dry_run: bool = False) -> Pruned:
    """Delete what is not to be kept; see :meth:`candle_spec.series.series.Series.prune`."""
    wanted = set(keep)
    victims: list[Live] = []
    spared: list[tuple[str, str]] = []
    for live in store.live:
        if live.point.epoch in wanted or live.path.name in wanted:
            continue
        why = _protection(store, live)
        if why:
            spared.append((live.path.name, why))
        else:
            victims.append(live)
    freed = _freed(store, victims)
    names = {live.path.name for live in victims}
    kept = tuple(entry.name for entry in entries(store) if entry.name not in names)
    if victims and not dry_run:
        store.writable()
        with write_errors(store.layout.root):
            _delete(store, victims)
    return Pruned(tuple(live.path.name for live in victims), kept, tuple(spared), freed)


def _protection(store: Store, live: Live) -> str:
    """Return why a checkpoint must not be deleted, or ``""``."""
    if live.run_id != store.record.run_id:
        return "another run saved it"
    marks = store.marks_of(live)
    if marks:
        return "it is pinned" if not marks[0].tag else f"it is tagged {marks[0].tag}"
    for name in pointers.NAMES:
        if pointers.target(store.layout, name) == live.path.resolve():
            return f"{name} names it"
    current = store.current()
    if current and live is current[-1]:
        return "it is the newest"
    return ""


def _freed(store: Store, victims: list[Live]) -> int:
    staying = {identity for live in store.live if live not in victims for identity in live.inodes()}
    sizes = {inode(held.path): held.size for live in victims for held in live.files.values()}
    return sum(size for identity, size in sizes.items() if identity is not None and identity not in staying)


def _delete(store: Store, victims: list[Live]) -> None:
    """Take the names away, durably, before anything inside is deleted."""
    _make_durable(store, [live.path for live in store.live if live not in victims and live.path in store.lax])
    if any(not attempt.committed for attempt in store.record.attempts):
        store.write_record()  # which attempts saved something is known from their checkpoints, so far
    for live in victims:
        store.fs.rename(live.path, store.layout.trash / private_name(live.path.name))
        store.live.remove(live)
    store.fs.sync_folder(store.layout.epochs)
    replacing.empty_trash(store.layout, store.fs)


def _make_durable(store: Store, paths: list[Path]) -> None:
    """Make checkpoints durable that were saved without: they may be all that is left."""
    if store.settings.durability == "off" or not paths:
        return
    for path in paths:
        for folder, _, files in os.walk(path, topdown=False):
            for name in sorted(files):
                with Path(folder, name).open("rb") as opened:
                    store.fs.sync_file(opened)
            store.fs.sync_folder(Path(folder))
    store.fs.sync_folder(store.layout.epochs)
    store.lax.difference_update(paths)
