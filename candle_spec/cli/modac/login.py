"""``candle-spec modac login``."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import click

from candle_spec.cli.modac.connection import client_of, connected, settings_of
from candle_spec.errors import InvalidInputError


@click.command("login", epilog="Example: candle-spec modac login --user me@example.org")
@connected
def command(url: str | None, user: str | None, config: Path | None) -> None:
    """Get a token and keep it in a file that only you can read.

    The password is asked for, or taken from CANDLE_SPEC_MODAC_PASSWORD or the file that CANDLE_SPEC_MODAC_PASSWORD_FILE
    names. It is sent once: the service locks an account after three wrong ones.
    """
    settings = settings_of(url, user, config)
    if not settings.user:
        raise InvalidInputError("who logs in is not said", hint="add --user, or set CANDLE_SPEC_MODAC_USER")
    with client_of(settings, ask=True) as client:
        token = client.service.login()
    until = datetime.fromtimestamp(token.expires, UTC).strftime("%Y-%m-%d") if token.expires else "an unknown date"
    click.echo(f"logged in at {settings.host} as {token.user or settings.user} until {until}")
