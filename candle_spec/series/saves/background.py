"""Saves in the background: the training waits for a copy in memory, not for the disk.

One thread writes, in the order in which states were submitted. What depends on a save (pruning, the callback's own
words) runs behind it in the same thread. An error is never lost: it comes up at the next call, and at the close.
"""

from __future__ import annotations

import atexit
import errno
import threading
import warnings
import weakref
from collections.abc import Callable, Collection
from concurrent.futures import Future, ThreadPoolExecutor
from types import TracebackType
from typing import Any, Final, Literal, Protocol, Self

from candle_spec import parallel
from candle_spec.errors import InvalidInputError
from candle_spec.series.saves.arena import Arena, Frozen, Planner
from candle_spec.series.saves.training_state import TrainingState

OnError = Literal["raise", "warn"]
OnFull = Literal["prune", "warn", "raise"]
_FULL: Final = frozenset({errno.ENOSPC, errno.EDQUOT})


class Store(Protocol):
    """What the writer needs of a series."""

    @property
    def save(self) -> Callable[..., Any]:
        """Saves a state durably; takes the state and further arguments by name."""
        ...


Then = Callable[[Any], None]
"""What to do behind a save, with what :meth:`Store.save` returned."""


class BackgroundWriter:
    """Writes training states in one thread, behind the training's back.

    Args:
        series: The series.
        plan: The series' plan of files: the snapshot is laid out by it.
        max_inflight: How many states may be waiting or being written; each takes a copy of the state in memory. A
            further one waits.
        on_error: What a failed save does: ``raise`` at the next call, or ``warn`` and go on with the old checkpoints.
        on_full: What a full disk does: ``prune`` by ``make_space`` and try once more, ``warn``, or ``raise``.
        make_space: Removes what the keep policy can do without; gives the number of bytes that became free.
        background: Whether to write in the background at all; ``False``: every save is done when submit returns.
        arena: Makes the snapshot buffers; replaced by tests.

    Raises:
        InvalidInputError: A setting is none of those named.
    """

    def __init__(
        self,
        series: Store,
        plan: Planner,
        *,
        max_inflight: int = 1,
        on_error: OnError = "raise",
        on_full: OnFull = "prune",
        make_space: Callable[[], int] | None = None,
        background: bool = True,
        arena: Callable[[], Arena] = Arena,
    ) -> None:
        _check("on_error", on_error, ("raise", "warn"))
        _check("on_full", on_full, ("prune", "warn", "raise"))
        if max_inflight < 1:
            raise InvalidInputError(f"max_inflight must be 1 or more, not {max_inflight}")
        self._series = series
        self._plan = plan
        self._on_error = on_error
        self._on_full = on_full
        self._make_space = make_space
        self._background = background
        self._arenas = [arena() for _ in range(max_inflight if background else 0)]
        self._free = threading.Semaphore(max_inflight)
        self._waiting: list[Future[Any]] = []
        self._errors: list[Exception] = []
        self._lock = threading.Lock()
        self._thread = ThreadPoolExecutor(1, "candle-writer", parallel.stand_back if background else None)
        self._closed = False
        atexit.register(_drain_at_exit, weakref.ref(self))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def submit(self, state: TrainingState, then: Then | None = None, **how: Any) -> Future[Any]:
        """Save a state; returns as soon as the training may go on.

        Args:
            state: The live state.
            then: What to do behind the save, if it succeeds.
            how: Further arguments of the series' ``save``.

        Returns:
            The save: its result is what the series returned.

        Raises:
            CandleSpecError: An earlier save failed and ``on_error`` is ``raise``.
        """
        if self._closed:
            raise InvalidInputError("the writer is closed")
        self._surface()
        if not self._background:
            return self._now(state, then, how, "")
        self._free.acquire()
        arena = self._arenas.pop()
        frozen: Frozen | None = None
        try:
            frozen = arena.snapshot(state, self._plan)
        finally:
            if frozen is None or frozen.why_live:
                self._give_back(arena)
        if frozen.why_live:
            return self._now(state, then, how, frozen.why_live)
        future = self._thread.submit(self._save, frozen.state, then, how, arena)
        self._waiting = [*(other for other in self._waiting if not other.done()), future]
        return future

    def run(self, work: Callable[[], None]) -> Future[None]:
        """Do something behind all saves submitted so far, whether they succeeded or not."""

        def guarded() -> None:
            try:
                work()
            except Exception as error:
                self._note(error)
                raise

        future = self._thread.submit(guarded)
        self._waiting.append(future)
        return future

    def drain(self) -> None:
        """Wait for all saves.

        Raises:
            CandleSpecError: One of them failed and ``on_error`` is ``raise``.
        """
        self._wait()
        self._surface()

    def close(self) -> None:
        """Wait for all saves and end the thread; errors come up as in :meth:`drain`."""
        self._wait()
        if not self._closed:
            self._closed = True
            self._thread.shutdown()
            for arena in self._arenas:
                arena.close()
        self._surface()

    def _wait(self) -> None:
        for future in self._waiting:
            future.exception()
        self._waiting = []

    def _now(self, state: TrainingState, then: Then | None, how: dict[str, Any], why: str) -> Future[Any]:
        """Save in the training's own thread, behind what is still being written."""
        self._wait()
        self._surface()
        if why:
            warnings.warn(f"saving without a copy, the training waits: {why}", RuntimeWarning, stacklevel=3)
        future: Future[Any] = Future()
        try:
            future.set_result(self._save(state, then, how, None))
        except Exception as error:  # noqa: BLE001 - noted: it comes up in the next line, as the settings say
            future.set_exception(error)
            self._surface()
        return future

    def _save(self, state: TrainingState, then: Then | None, how: dict[str, Any], arena: Arena | None) -> Any:
        try:
            saved = self._with_space(state, how)
            if then is not None:
                then(saved)
            return saved
        except Exception as error:
            self._note(error)
            raise
        finally:
            if arena is not None:
                self._give_back(arena)

    def _with_space(self, state: TrainingState, how: dict[str, Any]) -> Any:
        try:
            return self._series.save(state, **how)
        except OSError as error:
            if not is_full(error) or self._on_full != "prune" or self._make_space is None or not self._make_space():
                raise
            return self._series.save(state, **how)

    def _give_back(self, arena: Arena) -> None:
        self._arenas.append(arena)
        self._free.release()

    def _note(self, error: Exception) -> None:
        with self._lock:
            self._errors.append(error)

    def _surface(self) -> None:
        """Raise or warn of what went wrong since the last call."""
        with self._lock:
            errors, self._errors = self._errors, []
        if not errors:
            return
        serious = [error for error in errors if not self._only_warns(error)]
        for error in errors:
            if error is not (serious[0] if serious else None):
                warnings.warn(f"a checkpoint was not saved: {error}", RuntimeWarning, stacklevel=4)
        if serious:
            raise serious[0]

    def _only_warns(self, error: Exception) -> bool:
        if is_full(error):
            return self._on_full == "warn" or (self._on_full == "prune" and self._on_error == "warn")
        return self._on_error == "warn"


def is_full(error: BaseException) -> bool:
    """Whether an error, or what caused it, is a full disk or a used-up quota."""
    current: BaseException | None = error
    while current is not None:
        if isinstance(current, OSError) and current.errno in _FULL:
            return True
        current = current.__cause__
    return False


def _check(name: str, value: str, allowed: Collection[str]) -> None:
    if value not in allowed:
        raise InvalidInputError(f"{name} must be {' or '.join(allowed)}, not {value!r}")


def _drain_at_exit(writer: weakref.ref[BackgroundWriter]) -> None:
    """A process that ends without closing still finishes its saves, and says what failed."""
    found = writer()
    if found is None or found._closed:
        return
    try:
        found.close()
    except Exception as error:  # noqa: BLE001 - nobody is left to catch it
        warnings.warn(f"a checkpoint was not saved: {error}", RuntimeWarning, stacklevel=1)
