"""For all tests: the network is off, the home folder is a fresh one, generated data is bounded and repeatable in CI."""

from __future__ import annotations

import gc
import importlib.util
import itertools
import os
import socket
from pathlib import Path
from typing import Any

import hypothesis
import pytest

from tools import selection

# TensorFlow reads these when it is imported.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "")
os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "0")
os.environ.setdefault("KERAS_BACKEND", "tensorflow")

hypothesis.settings.register_profile("dev", deadline=None, max_examples=50)
hypothesis.settings.register_profile("ci", deadline=None, max_examples=100, derandomize=True)
hypothesis.settings.register_profile("quick", deadline=None, max_examples=10, derandomize=True)


_homes = itertools.count()


class NetworkUsedError(RuntimeError):
    """A test tried to reach the network."""


@pytest.fixture(autouse=True)
def _no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(self: socket.socket, address: Any) -> None:
        if self.family not in (getattr(socket, "AF_UNIX", None),):
            raise NetworkUsedError(f"a test tried to reach {address}")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket.socket, "connect_ex", refuse)


@pytest.fixture(autouse=True)
def _fresh_home(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    # Not by mktemp, which reads the names of all folders that tests before have made.
    home = tmp_path_factory.getbasetemp() / f"home-{next(_homes)}"
    home.mkdir()
    monkeypatch.setenv("HOME", str(home))


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the option that leaves out what needs a framework."""
    parser.addoption("--quick", action="store_true", help="only tests that need no framework and are not slow")


def pytest_configure(config: pytest.Config) -> None:
    """Choose how many examples are generated."""
    profile = "quick" if config.getoption("quick") else "ci" if os.environ.get("CI") else "dev"
    hypothesis.settings.load_profile(profile)


def pytest_report_header(config: pytest.Config) -> str:
    """Say what is missing. Where everything is to be tested, that is an error: nothing is left out silently."""
    missing = sorted(name for name in selection.imported_anywhere() if importlib.util.find_spec(name) is None)
    whole = os.environ.get("CI") or config.args_source is pytest.Config.ArgsSource.TESTPATHS
    if missing and whole and not config.getoption("quick"):
        raise pytest.UsageError(f"the tests need {', '.join(missing)}; without frameworks: pytest --quick")
    return f"not installed: {', '.join(missing) or 'nothing'}"


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Leave out test modules that a quick run cannot import."""
    if config.getoption("quick") and collection_path.match("test_*.py"):
        return selection.cannot_be_imported(collection_path) or None
    return None


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out tests that are not quick."""
    if config.getoption("quick"):
        left_out = [item for item in items if selection.left_out(item.path, _name(item))]
        config.hook.pytest_deselected(items=left_out)
        items[:] = [item for item in items if item not in left_out]


def pytest_collection_finish() -> None:
    """What was imported stays: the collector of garbage need not look at the frameworks again and again."""
    gc.collect()
    gc.freeze()


def _name(item: pytest.Item) -> str:
    owner = item.getparent(pytest.Class)
    name = getattr(item, "originalname", item.name)
    return f"{owner.name}.{name}" if owner else name


@pytest.fixture
def root() -> Path:
    """The root of the tree."""
    return Path(__file__).parents[1]
