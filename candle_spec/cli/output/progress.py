"""What is shown of long work while it goes on: a bar on a terminal, and lines; no bar where the output is piped."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import click

from candle_spec.digests import Progress, no_progress

if TYPE_CHECKING:
    from candle_spec.publish.destination import Audience

_WORTH = 256 * 1024 * 1024
"""Less than this takes about half a second: a bar would only flicker."""


def size_of(path: Path) -> int:
    """Return the bytes of a file, or of all files of a folder; 0 where nobody watches."""
    if not sys.stderr.isatty():
        return 0
    if path.is_file():
        return path.stat().st_size
    files = (Path(parent, name) for parent, _, names in os.walk(path) for name in names)
    return sum(file.stat().st_size for file in files if file.is_file())


@contextmanager
def bar(what: str, total: int, *, quiet: bool) -> Iterator[Progress]:
    """Yield a function to call with bytes done; draws a bar with rate where somebody watches."""
    if quiet or total < _WORTH or not sys.stderr.isatty():
        yield no_progress
        return
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, TextColumn, TimeRemainingColumn, TransferSpeedColumn
    from rich.progress import Progress as Bar

    columns = (TextColumn(what), BarColumn(), DownloadColumn(), TransferSpeedColumn(), TimeRemainingColumn())
    lock = threading.Lock()
    with Bar(*columns, console=Console(stderr=True), transient=True) as drawn:
        task = drawn.add_task(what, total=total)

        def advance(count: int) -> None:
            with lock:
                drawn.advance(task, count)

        yield advance


def audience(*, quiet: bool, indent: str = "  ") -> Audience:
    """Return who watches: a person who sees a line for each thing that was done, and a bar for what takes long.

    Args:
        quiet: Whether nobody does.
        indent: Before each line.
    """
    from candle_spec.publish.destination import Audience

    return Audience() if quiet else Audience(lambda line: click.echo(f"{indent}{line}"), partial(bar, quiet=False))
