"""``candle-spec evaluation``: one verb a file, each imported when it is called."""

from __future__ import annotations

from typing import Final

import click

from candle_spec.cli.verbs import Verbs

VERBS: Final = {
    "add": "Put measured values beside the manifest, which stays as it is.",
    "ls": "List the values that were measured, at first and later.",
}


@click.group(
    "evaluation", cls=Verbs, package=__name__, verbs=VERBS, epilog="Example: candle-spec evaluation ls model.candle"
)
def command() -> None:
    """Add measured values to a checkpoint that may be sealed and signed, and list them."""
