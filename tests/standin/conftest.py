"""A stand-in on this machine: the only address that these tests may reach is loopback."""

from __future__ import annotations

from tests.helpers.services.standins import _no_network, clock, config, reader, server, uploader

__all__ = ["_no_network", "clock", "config", "reader", "server", "uploader"]
