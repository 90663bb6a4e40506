"""``ckpt.log`` and the lines on the screen, in CANDLE's words: its users' tools read both.

Of https://github.com/ECP-CANDLE/candle_lib only the sentences that others parse are kept; each object has its own
file, so that lines neither repeat nor end in the file of another one.
"""

from __future__ import annotations

import logging
import sys
from datetime import datetime
from pathlib import Path
from typing import Final

from candle_spec.series.candle_files.ckpt_info import TIME_FORMAT

NAME: Final = "CandleCkpt"
MEGABYTE: Final = 1 << 20


def wrote(size: int, seconds: float) -> str:
    """Return the line on a save: bytes written and how long it took."""
    megabytes = size / MEGABYTE
    return f"model wrote: {megabytes:0.3f} MB in {seconds:0.3f} seconds ({_rate(megabytes, seconds):0.2f} MB/s)."


def checksummed(size: int, seconds: float) -> str:
    """Return the line on a CRC-32."""
    megabytes = size / MEGABYTE
    return f"checksummed: {megabytes:0.3f} MB in {seconds:.3f} seconds ({_rate(megabytes, seconds):.2f} MB/s)."


def _rate(megabytes: float, seconds: float) -> float:
    """A tiny model can take no measurable time."""
    return megabytes / max(seconds, 1e-9)


def final_epoch(epoch: int) -> str:
    """Return the line before the final save."""
    return f"writing final epoch {epoch} ..."


def restarting(epoch: int, timestamp: str) -> tuple[str, str]:
    """Return the two lines on a restart."""
    return f"restarting: epoch={epoch} timestamp={timestamp}", f"restarting from epoch: {epoch}"


def kept(epochs: list[int]) -> tuple[str, str]:
    """Return the two lines on what is left."""
    return f"checkpoints kept: {len(epochs)}", f"checkpoints list: {epochs}"


class CkptLog:
    """Says a line on the screen and appends it to ``ckpt.log`` with the time.

    Args:
        logger: ``"DEFAULT"``: screen and file; ``None``: the file alone; a logger: that one and the file.
        verbose: Whether details are said too.
    """

    def __init__(self, logger: logging.Logger | str | None = "DEFAULT", *, verbose: bool = True) -> None:
        self._logger = logger if isinstance(logger, logging.Logger) else None
        self._screen = logger == "DEFAULT"
        self._verbose = verbose
        self._file: Path | None = None
        self._waiting: list[str] = []

    def open(self, file: Path) -> None:
        """Name the file; lines said before are appended now. Its folder exists."""
        self._file = file
        waiting, self._waiting = self._waiting, []
        self._append(waiting)

    def info(self, line: str) -> None:
        """Say a line."""
        if self._logger is not None:
            self._logger.info(line)
        elif self._screen:
            sys.stdout.write(f"{line}\n")
            sys.stdout.flush()
        self._append([f"{datetime.now().astimezone().strftime(TIME_FORMAT)} {NAME}: {line}"])

    def debug(self, line: str) -> None:
        """Say a detail."""
        if self._verbose:
            self.info(line)

    def _append(self, lines: list[str]) -> None:
        if self._file is None:
            self._waiting += lines
        elif lines:
            # A log is for people: it is appended as it comes, and a training never fails because of it.
            try:
                with self._file.open("a", encoding="utf-8") as file:
                    file.writelines(f"{line}\n" for line in lines)
            except OSError as error:
                sys.stderr.write(f"{self._file}: {error.strerror}\n")
