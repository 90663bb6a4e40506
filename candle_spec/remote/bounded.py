"""The bounds of the one client for the client of a library: it waits without an end, and reads answers without one.

``huggingface_hub`` keeps one client for the whole process, of ``httpx`` or of its successor.
"""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from typing import Any

from candle_spec.remote.answers import bounded
from candle_spec.remote.client import Patience


def bound_answers(client: Any) -> None:
    """Let a client give up on answers that do not come, or do not end, and on those larger than an answer can be."""
    http, patience = importlib.import_module(type(client).__module__.partition(".")[0]), Patience()
    client.timeout = http.Timeout(patience.read_seconds, connect=patience.connect_seconds)
    hooks = client.event_hooks
    if not any(isinstance(hook, _Bound) for hook in hooks["response"]):
        hooks["response"].append(_Bound(http.SyncByteStream))
        client.event_hooks = hooks


class _Bound:
    """A hook for answers: their bodies end at the bound."""

    def __init__(self, base: type) -> None:
        self._stream = type("BoundedStream", (_Bounded, base), {})

    def __call__(self, response: Any) -> None:
        response.stream = self._stream(response.stream, response.url.host)


class _Bounded:
    """A body that ends at its bound."""

    def __init__(self, stream: Any, host: str) -> None:
        self._inner, self._host = stream, host

    def __iter__(self) -> Iterator[bytes]:
        yield from bounded(self._inner, self._host)

    def close(self) -> None:
        """Close the connection's stream."""
        self._inner.close()
