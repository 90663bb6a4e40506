"""``candle-spec modac``: one verb per file, each loaded when it is called."""

from __future__ import annotations

import importlib
from typing import Final

import click

VERBS: Final = {
    "serve": "Run a local stand-in of MoDaC to rehearse against.",
    "login": "Get a token and keep it.",
    "whoami": "Show who is logged in, and until when.",
    "register": "Create a collection, or merge metadata into it.",
    "upload": "Send one file.",
    "download": "Fetch an asset as a checkpoint, or one file.",
    "get": "Show what is known of a collection or a file.",
    "query": "Search assets or files by metadata.",
    "update": "Change metadata of a collection or a file.",
    "rules": "Show or import the service's metadata rules.",
    "vocabulary": "Show or update the values that attributes have.",
}


class Verbs(click.Group):
    """The verbs; each is imported when it is called."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(VERBS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in VERBS:
            return None
        verb: click.Command = importlib.import_module(f"candle_spec.cli.modac.{cmd_name}").command
        return verb

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(list(VERBS.items()))


@click.group("modac", cls=Verbs, epilog="Example: candle-spec modac get NCI_DOE_Archive/JDACS4C")
def command() -> None:
    """Talk to MoDaC (https://modac.cancer.gov), or to a stand-in of it.

    Where it is and who asks comes from --url and --user, from CANDLE_SPEC_MODAC_URL, _USER, _PASSWORD, _PASSWORD_FILE
    or _TOKEN, or from ~/.config/candle-spec/modac.toml; a password never comes from an option.
    """
