"""``candle-spec schema list`` and ``candle-spec schema show``."""

from __future__ import annotations

import json

import click

from candle_spec.errors import InvalidInputError


@click.group("schema", epilog="Example: candle-spec schema show checkpoint > checkpoint.schema.json")
def command() -> None:
    """List and show the packaged schemas."""


@command.command("list")
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
def list_schemas(as_json: bool) -> None:
    """List the schemas with their versions."""
    from candle_spec.manifest import collection

    rows = {name: list(versions) for name, versions in collection.versions().items()}
    if as_json:
        click.echo(json.dumps(rows, indent=2))
        return
    width = max(len(name) for name in rows)
    for name, versions in sorted(rows.items()):
        click.echo(f"{name:<{width}}  {', '.join(versions)}")


@command.command("show")
@click.argument("name")
@click.option("--version", "wanted", help="A version; by default the newest.")
@click.option("--json", "as_json", is_flag=True, help="The schema is JSON anyway; accepted for uniformity.")
def show(name: str, wanted: str | None, as_json: bool) -> None:
    """Print one schema, as it is packaged."""
    from candle_spec import resources
    from candle_spec.manifest import collection

    versions = collection.versions().get(name)
    if not versions:
        known = ", ".join(sorted(collection.versions()))
        raise InvalidInputError(f"there is no schema {name!r}", hint=f"known are: {known}")
    version = wanted or sorted(versions, key=collection.precedence)[-1]
    if version not in versions:
        raise InvalidInputError(f"{name} has no version {version}", hint=f"known are: {', '.join(versions)}")
    path = "/".join([*name.split(":"), f"{version}.json"])
    click.echo(resources.read_bytes(path).decode("utf-8").rstrip("\n"))
