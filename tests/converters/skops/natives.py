"""Small checkpoints of skops, to be damaged: the file that is damaged, and what writes it."""

from __future__ import annotations

from pathlib import Path

from tests.helpers.native.small import forest


def dumped(folder: Path) -> None:
    import skops.io

    skops.io.dump(forest(), folder / "m")


FUZZED = {"skops": ("m", dumped)}
