"""A stand-in of MoDaC on this machine."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from candle_spec.modac.client import Client
from candle_spec.modac.service import Service
from candle_spec.modac.settings import Settings
from candle_spec.remote.addresses import Secret
from candle_spec.standin.config import DEMO_PASSWORD, Config
from candle_spec.standin.server import Server, running
from tests.helpers.services.loopback import _no_network  # noqa: F401 - for every test here
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


@pytest.fixture
def settings(server: Server, tmp_path: Path) -> Settings:
    """Settings of a client of the stand-in."""
    return Settings(
        url=server.url,
        user="uploader@example.org",
        part_size=1_000,
        request_limit=60_000,
        state=tmp_path / "state",
        read_seconds=5,
    )


@pytest.fixture
def client(settings: Settings, clock: Clock) -> Iterator[Client]:
    """The client of an uploader; it does not wait before a repetition."""
    with Service(settings, password=Secret(DEMO_PASSWORD), clock=clock, sleep=lambda seconds: None) as service:
        yield Client(service)


@pytest.fixture
def reading(settings: Settings, clock: Clock, tmp_path: Path) -> Iterator[Client]:
    """The client of a reader who owns nothing."""
    own = replace(settings, user="reader@example.org", state=tmp_path / "reader")
    with Service(own, password=Secret(DEMO_PASSWORD), clock=clock, sleep=lambda seconds: None) as service:
        yield Client(service)
