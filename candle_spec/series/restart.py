"""Where to go on: ``last`` if it is good, else the newest checkpoint that is, and why; never silently from scratch."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from candle_spec.atomic import write_errors
from candle_spec.checkpoint.checkpoint import Checkpoint
from candle_spec.errors import CandleSpecError, CorruptFileError, MissingPathError
from candle_spec.series import pointers
from candle_spec.series import record as records
from candle_spec.series.entries import Entry, entries
from candle_spec.series.events import log
from candle_spec.series.layout import BEST, LAST, epoch_of, private_name
from candle_spec.series.live import Live, read_live, reason
from candle_spec.series.record import SetAside
from candle_spec.series.repair import repair_checkpoint
from candle_spec.series.store import Store
from candle_spec.series.verify import faults_of

MODES = ("off", "auto", "required", "last", "best")


@dataclass(frozen=True, slots=True)
class RestartPoint:
    """Where a training goes on.

    Attributes:
        path: The checkpoint.
        checkpoint: The same, opened.
        entry: Its line in the series; ``None`` for a checkpoint from elsewhere.
        why: Why this one, in words.
        passed_over: Those that were looked at before and could not be used, with the reason.
    """

    path: Path
    checkpoint: Checkpoint
    entry: Entry | None
    why: str
    passed_over: tuple[tuple[Path, str], ...] = ()


def restart_point(store: Store, mode: str = "auto", *, verify: bool = True) -> RestartPoint | None:
    """Choose a restart point; see :meth:`candle_spec.series.series.Series.restart_point`."""
    if mode == "off":
        return None
    if mode in ("auto", "required", LAST, BEST):
        return _Search(store, verify).by_pointer(mode)
    if mode.isascii() and mode.isdigit():
        return _Search(store, verify).epoch(int(mode))
    return _Search(store, verify).path(Path(mode))


class _Search:
    def __init__(self, store: Store, verify: bool) -> None:
        self._store = store
        self._verify = verify
        self._passed: list[tuple[Path, str]] = []
        self._seen: set[Path] = set()

    def by_pointer(self, mode: str) -> RestartPoint | None:
        """Take ``last`` (or ``best``); where it cannot be used, the newest checkpoint that can."""
        for name in (BEST, LAST) if mode == BEST else (LAST,):
            target = pointers.target(self._store.layout, name)
            if target is None:
                self._pass(self._store.layout.root / name, "there is no such link")
            elif point := self._try(target, f"{name} names it"):
                return point
        for live in self._newest_first():
            if point := self._try(live.path, "the newest one that is sound"):
                return point
        return self._nothing(mode)

    def epoch(self, epoch: int) -> RestartPoint:
        """Take the newest checkpoint of one epoch, and no other."""
        for live in self._newest_first():
            if live.point.epoch == epoch and (point := self._try(live.path, f"epoch {epoch} was asked for")):
                return point
        for path, why in self._store.faulty:
            if epoch_of(path.name) == epoch:
                self._pass(path, why)
        raise self._failed(f"there is no sound checkpoint of epoch {epoch}")

    def path(self, path: Path) -> RestartPoint:
        """Take the checkpoint that is named, and no other."""
        if not path.exists():
            raise MissingPathError("there is no such checkpoint", location=str(path), hint=f"or {', '.join(MODES)}")
        if point := self._try(path.resolve(), "it was asked for"):
            return point
        raise self._failed("the checkpoint cannot be used", str(path))

    def _newest_first(self) -> Iterator[Live]:
        """Yield the checkpoints of the training as it stands, then those that were superseded."""
        current = self._store.current()
        yield from reversed(current)
        yield from reversed([live for live in self._store.live if live not in current])

    def _try(self, path: Path, why: str) -> RestartPoint | None:
        if path in self._seen:
            return None
        self._seen.add(path)
        live = next((live for live in self._store.live if live.path.resolve() == path), None)
        problem = self._problem(path, live)
        if problem and live is not None and repair_checkpoint(self._store, live):
            problem, why = self._problem(path, live), f"{why}; a damaged file was copied from another checkpoint"
        if problem:
            self._pass(path, problem)
            self._set_aside(path, live, problem)
            return None
        passed = tuple((where, text) for where, text in self._passed)
        if passed:
            log.warning("restart from %s: %s; %s", path, why, "; ".join(f"{w}: {t}" for w, t in passed))
        entry = next((entry for entry in entries(self._store) if live is not None and entry.path == live.path), None)
        return RestartPoint(path, Checkpoint(path), entry, why, passed)

    def _problem(self, path: Path, live: Live | None) -> str:
        """Return why a checkpoint cannot be used, or ``""``."""
        if not self._verify:
            try:
                read_live(path)
            except (CandleSpecError, OSError) as error:
                return reason(error)
            return ""
        faults = faults_of(path, self._store.settings.jobs)
        return str(faults[0]) if faults else ""

    def _pass(self, path: Path, why: str) -> None:
        self._passed.append((path, why))

    def _set_aside(self, path: Path, live: Live | None, why: str) -> None:
        """Move a damaged checkpoint of the series out of the way, where the series may be written; it is kept."""
        known = live is not None or any(faulty.resolve() == path for faulty, _ in self._store.faulty)
        if self._store.lock is not None and known and not (live is not None and self._store.marks_of(live)):
            with write_errors(self._store.layout.root):
                set_aside(self._store, path, why)

    def _nothing(self, mode: str) -> RestartPoint | None:
        for path, why in self._store.faulty:
            self._pass(path, why)
        damaged = [(path, why) for path, why in self._passed if path.parent == self._store.layout.epochs.resolve()]
        if mode in ("auto", LAST, BEST) and not damaged:
            return None
        if mode == "auto":
            log.warning("no checkpoint is sound: %s", "; ".join(f"{path}: {why}" for path, why in damaged))
            return None
        raise self._failed("there is no sound checkpoint to restart from")

    def _failed(self, message: str, location: str = "") -> CandleSpecError:
        where = location or str(self._store.layout.root)
        why = "; ".join(f"{path.name}: {text}" for path, text in self._passed)
        if any(epoch_of(path.name) is not None for path, _ in self._passed):
            return CorruptFileError(f"{message} ({why})", location=where, hint="candle-spec series verify")
        return MissingPathError(message, location=where, hint="ckpt_restart_mode auto starts from scratch then")


def set_aside(store: Store, path: Path, why: str) -> Path:
    """Move a checkpoint to ``.candle/bad`` and write down why."""
    target = store.layout.bad / private_name(path.name)
    moved = SetAside(target.name, epoch_of(path.name) or 0, why[:2000], records.now())
    store.fs.rename(store.layout.epochs / path.name, target)
    store.fs.sync_folder(store.layout.epochs)
    store.live = [live for live in store.live if live.path.name != path.name]
    store.faulty = [(faulty, why) for faulty, why in store.faulty if faulty.name != path.name]
    store.record.set_aside.append(moved)
    store.write_record()
    log.warning("%s was set aside as %s: %s", path, target, why)
    return target
