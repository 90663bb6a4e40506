"""The words of the service, from ``messages.json``."""

from __future__ import annotations

from typing import Any

from candle_spec.standin.facts import document


class RefusedError(Exception):
    """The service refuses a request; its text is the message."""


def message(name: str, **members: Any) -> str:
    """Return a message by its name, with what it tells in its place."""
    text: str = document("messages.json")["messages"][name]["text"]
    return text.format(**members)


def refusal(name: str, **members: Any) -> RefusedError:
    """Return the refusal with a message."""
    return RefusedError(message(name, **members))
