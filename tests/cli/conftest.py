"""A folder with one native file of a format that is the only known one."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.helpers import checkpoints
from tests.helpers.calls import run


@pytest.fixture
def tiny_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The current folder holds ``uno.tiny``."""
    monkeypatch.chdir(tmp_path)
    checkpoints.Tiny().write(tmp_path / "uno.tiny")
    with checkpoints.only_tiny():
        yield tmp_path


@pytest.fixture
def checkpoint(tiny_folder: Path) -> Path:
    """The checkpoint made from ``uno.tiny``."""
    run("convert", "uno.tiny", "-q")
    return Path("uno.tiny.candle")
