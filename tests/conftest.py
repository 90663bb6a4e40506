"""For all tests: the network is off, the home folder is a fresh one, generated data is bounded and repeatable in CI."""

from __future__ import annotations

import os
import socket
from pathlib import Path
from typing import Any

import hypothesis
import pytest

# TensorFlow reads these when it is imported.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "")
os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "0")
os.environ.setdefault("KERAS_BACKEND", "tensorflow")

hypothesis.settings.register_profile("dev", deadline=None, max_examples=50)
hypothesis.settings.register_profile("ci", deadline=None, max_examples=100, derandomize=True)
hypothesis.settings.load_profile("ci" if os.environ.get("CI") else "dev")


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
    monkeypatch.setenv("HOME", str(tmp_path_factory.mktemp("home")))


def pytest_report_header() -> list[str]:
    """Say which frameworks are here: a missing one is never skipped silently."""
    import importlib.util

    found = {name: importlib.util.find_spec(name) is not None for name in ("torch", "tensorflow", "tf_keras")}
    missing = [name for name, here in found.items() if not here]
    if missing and os.environ.get("CI"):
        raise pytest.UsageError(f"CI needs all frameworks; missing: {', '.join(missing)}")
    return [f"frameworks: {', '.join(name for name, here in found.items() if here) or 'none'}"]


@pytest.fixture
def root() -> Path:
    """The root of the tree."""
    return Path(__file__).parents[1]
