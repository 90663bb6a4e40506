"""What a stand-in can be told: its settings, and what is to go wrong."""

from __future__ import annotations

from pathlib import Path

import pytest

from candle_spec.errors import CorruptFileError, InvalidInputError
from candle_spec.standin.config import Config, read_config
from candle_spec.standin.faults import FaultRule, parse_fault
from candle_spec.standin.server import running
from tests.helpers.services.modac_calls import Caller


def test_faults_from_words() -> None:
    assert parse_fault("drop-request,path=/x,at=10,times=0") == FaultRule("drop-request", path="/x", at=10, times=0)
    for text in ("none", "error,kind=slow", "error,at", "error,where=x"):
        with pytest.raises(InvalidInputError):
            parse_fault(text)


def test_settings_from_a_file(tmp_path: Path) -> None:
    path = tmp_path / "c.json"
    path.write_text('{"users": [{"email": "a@b.org", "password": "p", "groups": ["G"]}], "restrictMetadata": true}')
    config = read_config(path, Config(tmp_path / "s"))
    assert config.rules.restricted
    with running(config) as server:
        assert Caller(server.url).send("GET", "/api/authenticate", auth=("a@b.org", "p")).status_code == 200
    for text in ('{"x": 1}', '{"users": [{}]}', '{"part_size": "many"}'):
        path.write_text(text)
        with pytest.raises(CorruptFileError):
            read_config(path, config)
