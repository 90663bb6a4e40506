"""Save one moment of a training: written elsewhere, made durable, then given its name in one step.

Order is everything: files, private folder, name, the folder of names, and only then ``last``. The state is one that a
reader or a later opening can finish or forget at every point; nothing old is touched before the new is durable.
"""

from __future__ import annotations

import errno
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from candle_spec.atomic import write_errors
from candle_spec.series import pointers, replacing
from candle_spec.series.layout import BEST, LAST
from candle_spec.series.live import Live, scan
from candle_spec.series.saves.crew import Crew
from candle_spec.series.saves.crew_writer import led
from candle_spec.series.saves.job import Saving
from candle_spec.series.saves.training_state import TrainingState
from candle_spec.series.store import Certify, Documents, Store

TRANSIENT: Final = frozenset({errno.EIO, errno.EINTR, errno.EAGAIN, errno.ESTALE, errno.ETIMEDOUT})
"""Errors after which the whole save is tried once more, with new files: a failed fsync is never repeated."""


@dataclass(frozen=True, slots=True)
class Saved:
    """What a save did.

    Attributes:
        epoch: Completed epochs.
        path: The checkpoint.
        manifest: Its manifest.
        written_bytes: Bytes written.
        shared_bytes: Bytes shared with earlier checkpoints.
        seconds: How long it took.
        unchanged: Whether the very state was there already and nothing was written.
    """

    epoch: int
    path: Path
    manifest: dict[str, Any]
    written_bytes: int
    shared_bytes: int
    seconds: float
    unchanged: bool


def save(
    store: Store,
    state: TrainingState,
    *,
    best: bool = False,
    document: Documents | None = None,
    certify: Certify | None = None,
    crew: Crew | None = None,
) -> Saved:
    """Save a state; it is durable when this returns. See :meth:`candle_spec.series.series.Series.save`."""
    if crew is not None:
        with write_errors(store.layout.root), led(store, state, crew) as dealt:
            return save(store, dealt, best=best, document=document, certify=certify)
    begun = time.monotonic()
    store.writable()
    with write_errors(store.layout.root):
        if replacing.recover(store.layout, store.fs):
            store.live, store.faulty = scan(store.layout)
        saving, live = _done(lambda: Saving(store, state, document, certify))
        _point(store, saving, live, best=best)
    store.saves += not saving.unchanged
    return Saved(
        epoch=state.epoch,
        path=live.path,
        manifest=saving.manifest,
        written_bytes=saving.written,
        shared_bytes=saving.shared,
        seconds=time.monotonic() - begun,
        unchanged=saving.unchanged,
    )


def _done(begin: Callable[[], Saving]) -> tuple[Saving, Live]:
    """Do a save, once more where the system may have been at fault only for a moment."""
    for last_try in (False, True):
        saving = begin()
        try:
            return saving, saving.run()
        except OSError as error:
            if last_try or saving.committing or error.errno not in TRANSIENT:
                raise
    raise AssertionError("the last try returns or raises")


def _point(store: Store, saving: Saving, live: Live, *, best: bool) -> None:
    """Let ``last``, and ``best`` if it is, name the checkpoint."""
    for name in (LAST, *((BEST,) if best else ())):
        pointers.set_pointer(store.layout, name, live.path.name, store.fs, store.record.file_system)
    if saving.replaced and not best and pointers.target(store.layout, BEST) == live.path.resolve():
        pointers.remove(store.layout, BEST, store.fs)  # what it named is gone
