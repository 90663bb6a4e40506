"""``candle-spec publish``: makes the command of the destination that ``--to`` names, and hands over to it."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from candle_spec.cli import exit_codes
from candle_spec.cli.output.progress import audience
from candle_spec.cli.output.publication_words import sent_lines, shipment_lines
from candle_spec.cli.repository_options import shared
from candle_spec.errors import InvalidInputError

if TYPE_CHECKING:
    from candle_spec.publish.destination import Destination, Option
    from candle_spec.publish.sources import Selection

_EXAMPLE: Final = "Example: candle-spec publish model.candle --to modac --study PROGRAM/STUDY --dry-run"
_SELECTION: Final = ("templates", "model_file", "site", "with_original", "with_native", "accept_inferred")


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
    from candle_spec.publish import registry

    if target is None and set(words) & {"-h", "--help"}:
        click.echo(_help(registry.names()))
        return 0
    destination = registry.find(target) if target is not None else None
    if target is None or destination is None:
        named = "no repository is named" if target is None else f"there is no way to publish to {target!r}"
        raise InvalidInputError(named, hint=f"add --to, one of: {', '.join(registry.names())}")
    chosen = _command_to(destination)
    return chosen.main(list(words), prog_name=f"candle-spec publish --to {target}", standalone_mode=False)


def _help(names: list[str]) -> str:
    return "\n\n".join(
        (
            f"Usage: candle-spec publish CKPT --to [{'|'.join(names)}] [OPTIONS]",
            "  Publish a checkpoint or a series; nothing becomes public by itself.",
            "\n".join(f"  --to {name} --help{'':<{12 - len(name)}} its options" for name in names),
            f"  {_EXAMPLE}",
        )
    )


def _command_to(destination: Destination) -> click.Command:
    """Return the command that publishes to a destination: its own options, and those that all have."""

    def publish(checkpoint: Path | None, dry_run: bool, as_json: bool, **values: Any) -> int:
        from candle_spec.publish.sources import Selection

        selection = Selection(checkpoint, **{name: values.pop(name) for name in _SELECTION})
        return _publish(destination, selection, values, dry_run=dry_run, as_json=as_json)

    function: Callable[..., int] = publish
    for option in (
        click.option("--json", "as_json", is_flag=True, help="Print plan and receipt as JSON."),
        click.option("--dry-run", is_flag=True, help="Check and show the plan; send nothing."),
        click.option("--accept-inferred", is_flag=True, help="Take mandatory values that were only inferred."),
        click.option("--with-native", is_flag=True, help="Add the restored native file."),
        click.option("--with-original", is_flag=True, help="Publish what brings the native file back, too."),
        shared,
        *(_option(own) for own in reversed(destination.options)),
        click.argument(
            "checkpoint",
            type=click.Path(path_type=Path),
            required=not any(own.replaces_checkpoint for own in destination.options),
        ),
    ):
        function = option(function)
    return click.command("publish", help=destination.about, context_settings={"help_option_names": ["-h", "--help"]})(
        function
    )


def _option(own: Option) -> Callable[[Any], Any]:
    """Return an option of a destination as one of the command line."""
    settings: dict[str, Any] = {"help": own.help, "required": own.required, "metavar": own.placeholder or None}
    if own.kind == "flag":
        settings["is_flag"] = True
    elif own.kind == "path":
        settings["type"] = click.Path(path_type=Path)
    if own.many:
        settings["multiple"] = True
    elif own.default is not None:
        settings |= {"default": own.default, "show_default": bool(own.default)}
    return click.option(f"--{own.name.replace('_', '-')}", own.name, **settings)


def _publish(
    destination: Destination, selection: Selection, values: Mapping[str, Any], *, dry_run: bool, as_json: bool
) -> int:
    with destination.prepared(selection, values, audience(quiet=as_json, indent="")) as shipment:
        if not as_json:
            click.echo("\n".join(shipment_lines(shipment)))
        elif shipment.blocked or dry_run:
            click.echo(json.dumps(shipment.report(), indent=2, ensure_ascii=False))
        if shipment.blocked:
            return exit_codes.FINDINGS
        written = shipment.write(dry_run=dry_run)
        if written and not (as_json and dry_run):
            click.echo(written)
        if written or dry_run:
            return exit_codes.OK
        sent = shipment.send(audience(quiet=as_json))
    if as_json:
        click.echo(json.dumps({"receipt": sent.receipt, "receipt_path": str(sent.receipt_path)}, indent=2))
    else:
        click.echo("\n".join(sent_lines(sent)))
    return exit_codes.OK
