"""A described checkpoint in a folder of its own, and a server for each service."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.helpers import checkpoints
from tests.helpers.calls import run
from tests.helpers.services.loopback import _no_network  # noqa: F401 - for every test here
from tests.helpers.services.servers import TOKEN, Hub, Zenodo, running

DESCRIPTION: dict[str, Any] = {
    "title": "Uno",
    "description": "Predicts the response of tumours to drugs.",
    "version": "1.0",
    "license": {"weights": "Apache-2.0"},
    "creators": [{"name": "Ada Lovelace", "email": "ada@example.org"}],
    "contact": {"name": "Ada Lovelace", "email": "ada@example.org"},
    "dates": {"published": "2026-11-01"},
    "extensions": {"https://w3id.org/candle-spec/repositories/zenodo/1": {"access_right": "open"}},
}


def describe(**more: Any) -> None:
    """Write the model description."""
    Path("candle-model.yaml").write_text(json.dumps({**DESCRIPTION, **more}), encoding="utf-8")  # JSON is YAML


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder with a checkpoint and its description, and an environment without tokens."""
    monkeypatch.chdir(tmp_path)
    for name in ("HF_TOKEN", "HF_TOKEN_FILE", "HF_ENDPOINT", "ZENODO_TOKEN", "ZENODO_TOKEN_FILE", "CANDLE_SPEC_SITE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    checkpoints.Tiny().write(tmp_path / "uno.tiny")
    describe()
    with checkpoints.only_tiny():
        assert run("convert", "uno.tiny", "-q") == 0
        yield tmp_path


@pytest.fixture
def hub(here: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    """Hugging Face, and the token for it."""
    import huggingface_hub.constants

    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_DISABLE_XET", True)  # its own protocol, not documented
    server = Hub()
    with running(server):
        monkeypatch.setenv("HF_ENDPOINT", server.url)
        monkeypatch.setenv("HF_TOKEN", TOKEN)
        yield server


@pytest.fixture
def zenodo(here: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Zenodo]:
    """Zenodo, and the token for it."""
    server = Zenodo()
    monkeypatch.setattr("time.sleep", lambda seconds: None)
    with running(server):
        monkeypatch.setenv("ZENODO_TOKEN", TOKEN)
        yield server
