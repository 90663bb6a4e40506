"""``candle-spec completion``."""

from __future__ import annotations

import click
from click.shell_completion import get_completion_class

from candle_spec.errors import InvalidInputError


@click.command("completion", epilog='Example: eval "$(candle-spec completion bash)"')
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
def command(shell: str) -> None:
    """Print the completion script for SHELL; put it where your shell reads its start-up files."""
    from candle_spec.cli.program import group

    completion = get_completion_class(shell)
    if completion is None:
        raise InvalidInputError(f"there is no completion for {shell}")
    click.echo(completion(group, {}, "candle-spec", "_CANDLE_SPEC_COMPLETE").source())
