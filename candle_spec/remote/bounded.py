"""Bounds on what a library's HTTP client takes in: it waits without an end, and reads answers without one.

``huggingface_hub`` keeps one client for the whole process, of ``httpx`` or of its successor.
"""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from typing import Any, Final

from candle_spec import limits
from candle_spec.errors import LimitExceededError

_SECONDS: Final = 300.0
_CONNECT_SECONDS: Final = 20.0


def bound_answers(client: Any) -> None:
    """Let a client give up on answers that do not come, and on those larger than an answer can be."""
    http = importlib.import_module(type(client).__module__.partition(".")[0])
    client.timeout = http.Timeout(_SECONDS, connect=_CONNECT_SECONDS)
    hooks = client.event_hooks
    if not any(isinstance(hook, _Bound) for hook in hooks["response"]):
        hooks["response"].append(_Bound(http.SyncByteStream))
        client.event_hooks = hooks


class _Bound:
    """A hook for answers: their bodies end at the bound."""

    def __init__(self, base: type) -> None:
        self._stream = type("BoundedStream", (_Counted, base), {})

    def __call__(self, response: Any) -> None:
        response.stream = self._stream(response.stream, response.url.host)


class _Counted:
    """A body whose bytes are counted as they come."""

    def __init__(self, stream: Any, host: str) -> None:
        self._inner, self._host = stream, host

    def __iter__(self) -> Iterator[bytes]:
        passed = 0
        for block in self._inner:
            passed += len(block)
            if passed > limits.SERVICE_ANSWER:
                raise LimitExceededError("the service answers without an end", location=self._host)
            yield block

    def close(self) -> None:
        """Close the connection's stream."""
        self._inner.close()
