"""``candle-spec modac``: one verb per file, each loaded when it is called."""

from __future__ import annotations

from typing import Final

import click

from candle_spec.cli.verbs import Verbs

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


@click.group(
    "modac", cls=Verbs, package=__name__, verbs=VERBS, epilog="Example: candle-spec modac get NCI_DOE_Archive/JDACS4C"
)
def command() -> None:
    """Talk to MoDaC (https://modac.cancer.gov), or to a stand-in of it.

    Where it is and who asks comes from --url and --user, from CANDLE_SPEC_MODAC_URL, _USER, _PASSWORD, _PASSWORD_FILE
    or _TOKEN, or from ~/.config/candle-spec/modac.toml; a password never comes from an option.
    """
