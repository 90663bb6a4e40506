"""Repair a damaged file from another checkpoint that holds the same one in blocks of its own."""

from __future__ import annotations

from pathlib import Path

from candle_spec.atomic import Fs, write_errors
from candle_spec.series.events import log
from candle_spec.series.layout import private_name
from candle_spec.series.live import Held, Live, inode
from candle_spec.series.saves.private_folder import READ_ONLY
from candle_spec.series.store import Store


def repair(store: Store) -> dict[str, list[str]]:
    """Repair all checkpoints; return the files that were repaired, by checkpoint."""
    store.writable()
    repaired: dict[str, list[str]] = {}
    with write_errors(store.layout.root):
        for live in store.live:
            for name, file in repair_checkpoint(store, live):
                repaired.setdefault(name, []).append(file)
    return repaired


def repair_checkpoint(store: Store, live: Live) -> list[tuple[str, str]]:
    """Replace the damaged files of a checkpoint by sound copies, as far as there are some.

    A damaged file that other checkpoints share is replaced there, too.

    Returns:
        Checkpoint and name of every file that was repaired.
    """
    if store.lock is None:
        return []
    repaired = []
    for held in live.files.values():
        if _is_sound(held):
            continue
        source = _sound_copy(store, held)
        if source is None:
            continue
        for other, name, shared in _holders(store, held, inode(held.path)):
            _copy_over(source, shared.path, store.layout.staging, store.fs)
            log.warning("%s was damaged and copied again from %s", shared.path, source)
            repaired.append((other.path.name, name))
    return repaired


def _holders(store: Store, held: Held, identity: tuple[int, int] | None) -> list[tuple[Live, str, Held]]:
    """Return every place of a file: its own, and those that are the same file under other names."""
    return [
        (live, name, other)
        for live in store.live
        for name, other in live.files.items()
        if other.path == held.path or (identity is not None and inode(other.path) == identity)
    ]


def _is_sound(held: Held) -> bool:
    return held.path.is_file() and held.content.is_in(held.path)


def _sound_copy(store: Store, wanted: Held) -> Path | None:
    """Return a file with the wanted content that is not the damaged one under another name."""
    key, damaged = wanted.content.key, inode(wanted.path)
    for live in (*store.live, *store.others):
        held = live.contents.get(key)
        if held is not None and inode(held.path) != damaged and _is_sound(held):
            return held.path
    return None


def _copy_over(source: Path, target: Path, staging: Path, fs: Fs) -> None:
    """Copy a file to a private name, make it durable, and rename it over the damaged one."""
    private = staging / private_name(target.name)
    with source.open("rb", buffering=0) as old, fs.open_new(private, mode=READ_ONLY) as new:
        fs.copy_range(old, 0, source.stat().st_size, new)
        fs.sync_file(new)
    fs.rename(private, target)
    fs.sync_folder(target.parent)
