"""A client of a stand-in on this machine: the only address that these tests may reach is loopback."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from candle_spec.modac.client import Client
from candle_spec.modac.service import Service
from candle_spec.modac.settings import Settings
from candle_spec.remote.addresses import Secret
from candle_spec.standin.config import DEMO_PASSWORD
from candle_spec.standin.server import Server
from tests.helpers.services.loopback import _no_network
from tests.helpers.services.modac_calls import Clock
from tests.helpers.services.standins import clock, config, reader, server, uploader

__all__ = ["_no_network", "clock", "config", "reader", "server", "uploader"]


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
