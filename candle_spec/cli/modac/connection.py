"""What all verbs share: the options that say where and as whom, and the client."""

from __future__ import annotations

import sys
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

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


def client_of(settings: Settings, *, ask: bool = False, nobody: bool = False) -> AbstractContextManager[Client]:
    """Open a session.

    Args:
        settings: Where and as whom.
        ask: Log in anew, and ask for a password where none is given, if somebody sits there.
        nobody: Log in as nobody, whatever is known.
    """
    from candle_spec.modac.session import session
    from candle_spec.modac.settings import password_from
    from candle_spec.remote.addresses import Secret

    password = password_from()
    if ask and password is None and sys.stdin.isatty():
        password = Secret(click.prompt(f"Password of {settings.user}", hide_input=True, err=True))
    return session(settings, password=password, anew=ask, nobody=nobody)
