"""One series, made once, from which the proofs start."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.helpers.series import operations

Fresh = Callable[[object], Path]

_MEMORY = Path("/dev/shm")


@pytest.fixture(scope="session")
def started(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("started") / "ckpts"
    operations.start(folder)
    return folder


@pytest.fixture
def place() -> Iterator[Path]:
    """Return a folder in memory where there is such a place."""
    folder = Path(tempfile.mkdtemp(dir=_MEMORY if _MEMORY.is_dir() else None))
    yield folder
    shutil.rmtree(folder)


@pytest.fixture
def fresh(started: Path, place: Path) -> Fresh:
    """Return what makes a new copy of that series."""

    def make(name: object) -> Path:
        folder = place / str(name)
        operations.copy(started, folder)
        return folder

    return make
