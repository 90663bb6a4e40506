"""Replace a checkpoint by another one of the same name: the training did an epoch again.

What will happen is written down first (``.candle/intent.json``). From then on the replacement is completed, by whoever
opens the series next if need be; the old checkpoint moves aside and is deleted only after the new one has its name.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from candle_spec.atomic import Fs, replace_file
from candle_spec.canonical import loads, pretty
from candle_spec.checkpoint.layout import MANIFEST
from candle_spec.errors import CandleSpecError
from candle_spec.manifest.collection import CURRENT, schema_id
from candle_spec.series import record as records
from candle_spec.series.layout import INTENT_SCHEMA, Layout, epoch_of, private_name
from candle_spec.series.record import SetAside
from candle_spec.series.saves.private_folder import PrivateFolder
from candle_spec.series.store import Store


def replace(store: Store, staged: PrivateFolder, existing: Path) -> None:
    """Put a staged, durable checkpoint into the place of an existing folder.

    The old one is kept in ``.candle/bad`` where it is marked or was not saved by this run; else it moves to the trash.
    """
    layout = store.layout
    keep = _is_worth_keeping(store, existing)
    intent = {
        "folder": existing.name,
        "staged": staged.path.name,
        "aside": private_name(existing.name),
        "keep": keep,
    }
    document = {"$schema": schema_id(INTENT_SCHEMA), "schema_version": CURRENT, **intent}
    store.fs.sync_folder(layout.staging)
    replace_file(layout.intent, pretty(document), fs=store.fs)
    staged.renamed()  # from here on it belongs to the intent
    if keep:
        moved = SetAside(str(intent["aside"]), epoch_of(existing.name) or 0, "replaced by a later save", records.now())
        store.record.set_aside.append(moved)
        store.write_record()
    _complete(layout, intent, store.fs)


def _is_worth_keeping(store: Store, path: Path) -> bool:
    """Whether the old folder is kept: it is marked, of another run, or nothing that this run is known to have made."""
    if path in store.doubtful:
        return False
    live = next((live for live in store.live if live.path == path), None)
    return live is None or live.run_id != store.record.run_id or bool(store.marks_of(live))


def finish(store: Store) -> None:
    """Forget a replacement that is durable, and delete the old checkpoint."""
    store.fs.remove_file(store.layout.intent)
    store.fs.sync_folder(store.layout.store)  # else it could be done again, after the new one was pruned
    empty_trash(store.layout, store.fs)


def recover(layout: Layout, fs: Fs) -> bool:
    """Complete a replacement that was interrupted; return whether there was one."""
    if not layout.intent.is_file():
        return False
    intent = _read(layout)
    if intent is not None:
        _complete(layout, intent, fs)
        fs.sync_folder(layout.epochs)
    fs.remove_file(layout.intent)
    fs.sync_folder(layout.store)
    return True


def empty_trash(layout: Layout, fs: Fs) -> None:
    """Delete what lies in the trash: the manifest first, so that nothing half deleted looks like a checkpoint."""
    for path in sorted(layout.trash.iterdir()):
        if path.is_dir() and not path.is_symlink():
            if (path / MANIFEST).is_file():
                fs.remove_file(path / MANIFEST)
            fs.remove_tree(path)
        else:
            fs.remove_file(path)


def _complete(layout: Layout, intent: dict[str, Any], fs: Fs) -> None:
    """Move the old folder aside and the new one in, as far as that is not done yet."""
    new, place = layout.staging / intent["staged"], layout.epochs / intent["folder"]
    aside = (layout.bad if intent["keep"] else layout.trash) / intent["aside"]
    if not new.is_dir():
        return
    if place.exists():
        # After a power cut the old one may be in both places.
        fs.rename(place, aside if not aside.exists() else aside.with_name(private_name(place.name)))
    fs.rename(new, place)


def _read(layout: Layout) -> dict[str, Any] | None:
    """Read the intent; ``None`` where it is not what was written: then nothing was moved yet."""
    from candle_spec.manifest import check, migrations

    try:
        document = loads(layout.intent.read_bytes(), location=str(layout.intent))
        if migrations.is_older(document):  # a training that an older package began
            document = migrations.migrate(document, schema=INTENT_SCHEMA)
    except CandleSpecError:
        return None
    if check(document, schema=INTENT_SCHEMA, file=layout.intent.name):
        return None
    names = (document["folder"], document["staged"], document["aside"])
    return document if all(name == Path(name).name for name in names) else None
