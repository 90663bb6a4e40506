"""``candle-spec modac whoami``."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import click

from candle_spec.cli.modac.connection import client_of, connected, settings_of


@click.command("whoami", epilog="Example: candle-spec modac whoami")
@connected
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
def command(url: str | None, user: str | None, config: Path | None, as_json: bool) -> None:
    """Show who is logged in; the service is asked, and a fresh token is kept."""
    settings = settings_of(url, user, config)
    with client_of(settings) as client:
        token = client.service.renew()
    until = datetime.fromtimestamp(token.expires, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    about = {"service": settings.url, "user": token.user, "until": until}
    click.echo(json.dumps(about) if as_json else f"{token.user} at {settings.host}, until {until}")
