"""Signals that ask a training to save: SIGTERM (save, then stop) and SIGUSR1 (save, then go on).

Batch systems send the first before they kill a job, and the second when they are asked to warn
(``sbatch --signal=USR1@120``). The handlers only take a note; the training saves at its next step or epoch.
"""

from __future__ import annotations

import signal
import threading
from types import FrameType
from typing import Any


class SignalWatch:
    """Notes signals from :meth:`start` to :meth:`stop`; handlers that were there before come back, and still run."""

    def __init__(self) -> None:
        self.stop_asked = ""
        """Name of the signal after which the training has to stop; empty if there was none."""
        self.save_asked = ""
        """Name of the signal after which the training has to save; empty if there was none."""
        self._before: dict[int, Any] = {}

    @property
    def asked(self) -> str:
        """Name of a signal after which the training has to save, whether it stops then or not; empty: none."""
        return self.stop_asked or self.save_asked

    def start(self) -> None:
        """Install the handlers, where this is the process's main thread (no other one gets signals)."""
        if self._before or threading.current_thread() is not threading.main_thread():
            return
        for name in ("SIGTERM", "SIGUSR1"):
            number = getattr(signal, name, None)
            if number is not None:
                self._before[number] = signal.signal(number, self._note)

    def stop(self) -> None:
        """Give the handlers back."""
        for number, handler in self._before.items():
            if signal.getsignal(number) == self._note:
                signal.signal(number, handler if handler is not None else signal.SIG_DFL)
        self._before = {}

    def saved(self) -> None:
        """Forget a request to save that was fulfilled."""
        self.save_asked = ""

    def _note(self, number: int, frame: FrameType | None) -> None:
        name = signal.Signals(number).name
        if name == "SIGTERM":
            self.stop_asked = name
        else:
            self.save_asked = name
        before = self._before.get(number)
        if callable(before):
            before(number, frame)
