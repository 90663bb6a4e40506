"""A stand-in on this machine: the only address that these tests may reach is loopback."""

from __future__ import annotations

from tests.helpers.services.loopback import _no_network
from tests.helpers.services.standins import clock, config, reader, server, uploader

__all__ = ["_no_network", "clock", "config", "reader", "server", "uploader"]
