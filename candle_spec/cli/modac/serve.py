"""``candle-spec modac serve``."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import click

from candle_spec.optional import require


@click.command("serve", epilog="Example: candle-spec modac serve --folder rehearsal --port 8765")
@click.option("--folder", type=click.Path(path_type=Path), default=Path("modac-standin"), show_default=True)
@click.option("--host", default="127.0.0.1", show_default=True, help="An address of this machine alone.")
@click.option("--port", type=click.IntRange(0, 65535), default=8765, show_default=True, help="0 for a free one.")
@click.option("--rules", type=click.Path(path_type=Path, exists=True), help="Metadata rules in the server's shape.")
@click.option("--config", type=click.Path(path_type=Path, exists=True), help="Users, limits, endpoints: a JSON file.")
@click.option("--fault", "faults", multiple=True, metavar="KIND,…", help="What goes wrong: error,path=/query,times=2")
def command(
    folder: Path, host: str, port: int, rules: Path | None, config: Path | None, faults: tuple[str, ...]
) -> None:
    """Run a local stand-in of MoDaC: a test double to rehearse against, on this machine alone. It is not MoDaC.

    It keeps its data base and files in a folder; a second run goes on with them.
    """
    for package in ("uvicorn", "starlette", "python_multipart"):
        require(package, extra="modac", purpose="run the stand-in of MoDaC")
    from candle_spec.standin.config import Config, read_config
    from candle_spec.standin.faults import parse_fault
    from candle_spec.standin.server import Server

    settings = Config(folder)
    if rules is not None:
        settings = replace(settings, rules=_rules(rules))
    if config is not None:
        settings = read_config(config, settings)
    server = Server(settings, host=host, port=port, faults=[parse_fault(text) for text in faults])
    click.echo("\n".join(_banner(server, settings)))
    server.run()


def _rules(path: Path) -> Any:
    from candle_spec.canonical import loads
    from candle_spec.standin.rules import read_rules

    return read_rules(loads(path.read_bytes(), location=str(path)), location=str(path))


def _banner(server: Any, settings: Any) -> list[str]:
    from candle_spec.standin.config import BANNER, DEMO_PASSWORD, DEMO_USERS

    lines = ["", f"  {BANNER}", f"  {settings.rules.title or 'with rules of your own'}", "", f"  {server.url}", ""]
    if settings.users == DEMO_USERS:
        lines += [f"  {user.email:<24} {'uploader' if user.is_write else 'reader'}" for user in settings.users]
        lines += [f"  password of each: {DEMO_PASSWORD}", ""]
    lines += [f"  export CANDLE_SPEC_MODAC_URL={server.url}", "  Ctrl-C ends it", ""]
    return lines
