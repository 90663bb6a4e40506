"""What all verbs share: the options that say where and as whom, the client, and the knowledge of the service."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from candle_spec.errors import InvalidInputError, ServiceRefusedError

if TYPE_CHECKING:
    from candle_spec.modac.client import Client
    from candle_spec.modac.settings import Settings

F = TypeVar("F", bound=Callable[..., Any])


def connected(function: F) -> F:
    """Add the options of a connection to a command: ``url``, ``user``, ``config``."""
    for option in (
        click.option("--config", type=click.Path(path_type=Path), help="A TOML file with settings."),
        click.option("--user", help="E-mail of the account."),
        click.option("--url", help="Address of the service (default: https://modac.cancer.gov)."),
    ):
        function = option(function)
    return function


def settings_of(url: str | None, user: str | None, config: Path | None) -> Settings:
    """Return the settings that options, environment and file give."""
    from candle_spec.modac.settings import load_settings

    return load_settings(url=url, user=user, config=config)


@contextmanager
def client_of(settings: Settings, *, ask: bool = False, nobody: bool = False) -> Iterator[Client]:
    """Yield a client; what a refusal teaches about a vocabulary is kept and offered.

    Args:
        settings: Where and as whom.
        ask: Ask for a password where none is given, if somebody sits there.
        nobody: Log in as nobody, whatever is known.
    """
    import sys
    import time

    from candle_spec.modac.client import Client
    from candle_spec.modac.service import Service
    from candle_spec.modac.settings import PREFIX, password_from
    from candle_spec.modac.vocabulary import Knowledge
    from candle_spec.remote.addresses import Secret

    password, token = password_from(), os.environ.get(PREFIX + "TOKEN")
    if ask and password is None and sys.stdin.isatty():
        password = Secret(click.prompt(f"Password of {settings.user}", hide_input=True, err=True))
    given = Secret(token) if token and not ask else None
    with Service(settings, password=password, token=given, nobody=nobody) as service:
        try:
            yield Client(service)
        except ServiceRefusedError as refused:
            learnt = Knowledge(settings.place).learn(refused.message, time.time())
            if learnt is None:
                raise
            attribute, known = learnt
            raise ServiceRefusedError(
                refused.message,
                location=refused.location,
                hint=f"choose one of them: --set {attribute}={known.values[0]!r}; the list is kept for the next check",
            ) from refused


def metadata_of(entries: Sequence[str], file: Path | None = None) -> dict[str, str]:
    """Return metadata from ``ATTRIBUTE=VALUE`` words and a JSON file (an object, or a list of attribute and value)."""
    found = _from_file(file) if file is not None else {}
    for entry in entries:
        name, equals, value = entry.partition("=")
        if not equals or not name:
            raise InvalidInputError(f"{entry!r} is not ATTRIBUTE=VALUE", hint="such as --set domain='Drug Response'")
        found[name] = value
    return found


def _from_file(path: Path) -> dict[str, str]:
    from candle_spec.canonical import loads

    document = loads(path.read_bytes(), location=str(path))
    if isinstance(document, Mapping):
        document = document.get("metadataEntries", [{"attribute": k, "value": v} for k, v in document.items()])
    try:
        return {str(entry["attribute"]): str(entry["value"]) for entry in document}
    except (KeyError, TypeError) as error:
        raise InvalidInputError("this is no metadata", location=str(path)) from error


def full_path(path: str, settings: Settings) -> str:
    """Return a path at the service: ``/NCI_DOE_Archive`` may be left out."""
    path = "/" + path.strip("/")
    return (
        path if path == settings.base_path or path.startswith(f"{settings.base_path}/") else settings.base_path + path
    )
