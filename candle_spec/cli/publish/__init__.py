"""``candle-spec publish``: hands over to the command of the repository that ``--to`` names.

To add one: a module with a click command named ``command``, and its name in :data:`TARGETS`.
"""

from __future__ import annotations

import importlib
from typing import Any, Final

import click

from candle_spec.errors import InvalidInputError

TARGETS: Final = {
    "modac": "candle_spec.cli.modac.publish",
    "huggingface": "candle_spec.cli.publish.huggingface",
    "zenodo": "candle_spec.cli.publish.zenodo",
}

_EXAMPLE: Final = "Example: candle-spec publish model.candle --to modac --study PROGRAM/STUDY --dry-run"


@click.command(
    "publish",
    context_settings={"ignore_unknown_options": True, "help_option_names": []},
    add_help_option=False,
    epilog=_EXAMPLE,
)
@click.option("--to", "target", help="The repository.")
@click.argument("words", nargs=-1, type=click.UNPROCESSED)
def command(target: str | None, words: tuple[str, ...]) -> Any:
    """Publish a checkpoint or a series to a repository; --to REPOSITORY --help shows its options."""
    if target is None and set(words) & {"-h", "--help"}:
        click.echo(_help())
        return 0
    if target not in TARGETS:
        named = "no repository is named" if target is None else f"there is no way to publish to {target!r}"
        raise InvalidInputError(named, hint=f"add --to, one of: {', '.join(TARGETS)}")
    chosen: click.Command = importlib.import_module(TARGETS[target]).command
    return chosen.main(list(words), prog_name=f"candle-spec publish --to {target}", standalone_mode=False)


def _help() -> str:
    return "\n\n".join(
        (
            f"Usage: candle-spec publish CKPT --to [{'|'.join(TARGETS)}] [OPTIONS]",
            "  Publish a checkpoint or a series; nothing becomes public by itself.",
            "\n".join(f"  --to {target} --help{'':<{12 - len(target)}} its options" for target in TARGETS),
            f"  {_EXAMPLE}",
        )
    )
