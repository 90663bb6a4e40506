"""``candle-spec modac get``."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

from candle_spec.cli.modac.connection import client_of, connected, settings_of
from candle_spec.errors import MissingPathError


@click.command("get", epilog="Example: candle-spec modac get JDACS4C/JDACS4C_Pilot_1")
@click.argument("path")
@connected
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
def command(path: str, url: str | None, user: str | None, config: Path | None, as_json: bool) -> None:
    """Show the metadata of the collection or file PATH, and what is in it. What is public needs no login."""
    settings = settings_of(url, user, config)
    where = settings.full_path(path)
    with client_of(settings) as client:
        about = _about(client, where)
    if as_json:
        click.echo(json.dumps(about, indent=2, ensure_ascii=False))
        return
    click.echo(where)
    for title in ("metadata", "system"):
        for name, value in about.get(title, {}).items():
            click.echo(f"  {name:<28} {value}")
    for item in [*about.get("folders", ()), *about.get("files", ())]:
        click.echo(f"  {item}")


def _about(client: Any, path: str) -> Mapping[str, Any]:
    found = client.collection(path, listed=True)
    if found is not None:
        listed = {"folders": list(found.folders), "files": list(found.files)}
        return {"path": path, "id": found.id, "metadata": dict(found.metadata), **listed}
    file = client.file(path)
    if file is None:
        raise MissingPathError("there is no such collection or file", location=path)
    return {"path": path, "metadata": dict(file.metadata), "system": dict(file.system)}
