"""A stand-in that runs, and who calls it: fixtures that more than one folder of tests needs."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from candle_spec.standin.config import Config
from candle_spec.standin.server import Server, running
from tests.helpers.services.modac_calls import Caller, Clock


@pytest.fixture
def clock() -> Clock:
    """A clock that stands still until it is told to go on."""
    return Clock()


@pytest.fixture
def config(tmp_path: Path, clock: Clock) -> Config:
    """Settings of the stand-in; a part of the archive has 1,000 bytes."""
    return Config(tmp_path / "standin", clock=clock, part_size=1_000, request_limit=60_000, sync_download_limit=40_000)


@pytest.fixture
def server(config: Config) -> Iterator[Server]:
    """A stand-in that is running."""
    with running(config) as started:
        yield started


@pytest.fixture
def uploader(server: Server) -> Caller:
    """An uploader, with a program and a study of their own."""
    caller = Caller(server.url, "uploader@example.org")
    caller.make_program_and_study()
    return caller


@pytest.fixture
def reader(server: Server) -> Caller:
    """Somebody who may only read."""
    return Caller(server.url, "reader@example.org")
