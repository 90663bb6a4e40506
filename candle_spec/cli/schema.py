"""``candle-spec schema``: list, show, bundle, to-json."""

from __future__ import annotations

import json
import textwrap
from pathlib import Path
from typing import Any

import click

from candle_spec.errors import InvalidInputError

_REPOSITORIES = "repositories/"
_OUT = click.option(
    "-o", "--out", type=click.Path(path_type=Path, dir_okay=False), help="File to write; else it is printed."
)
_WANTED = click.option("--version", "wanted", help="A version; by default the newest.")


class _Naming(click.Command):
    """A command whose help lists the schemas."""

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        from candle_spec.manifest import collection

        names = [name for name in sorted(collection.versions()) if not name.startswith("common/")]
        with formatter.section("Schemas"):
            text, width = f"{', '.join(names)}, repositories/ID, common/…", formatter.width - formatter.current_indent
            for line in textwrap.wrap(text, width, break_on_hyphens=False):
                formatter.write_text(line)
        super().format_epilog(ctx, formatter)


@click.group("schema", epilog="Example: candle-spec schema bundle checkpoint -o checkpoint.schema.json")
def command() -> None:
    """List and show the packaged schemas, bundle them for other tools, and turn YAML into JSON."""


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
@_WANTED
@click.option("--json", "as_json", is_flag=True, help="The schema is JSON anyway; accepted for uniformity.")
def show(name: str, wanted: str | None, as_json: bool) -> None:
    """Print one schema, as it is packaged. It refers to others: bundle has them in one file."""
    from candle_spec import resources
    from candle_spec.manifest import collection

    name, version = collection.choose(name, wanted)
    click.echo(resources.read_bytes(f"{name}/{version}.json").decode("utf-8").rstrip("\n"))


@command.command("bundle", cls=_Naming, epilog="Example: check-jsonschema --schemafile checkpoint.schema.json MANIFEST")
@click.argument("name")
@_WANTED
@click.option("--draft", type=click.Choice(["2020-12", "7"]), default="2020-12", help="7 is for editors.")
@_OUT
@click.option("--json", "as_json", is_flag=True, help="The schema is JSON anyway; accepted for uniformity.")
def bundle(name: str, wanted: str | None, draft: Any, out: Path | None, as_json: bool) -> None:
    """Make one file of a schema and all that it refers to, which validators and editors take as it is.

    repositories/ID is what a repository's template adds to a manifest; checkpoint has the extensions in it.
    """
    from candle_spec.canonical import pretty
    from candle_spec.manifest import bundles

    if name.startswith(_REPOSITORIES):
        made = bundles.flat(_extension(name.removeprefix(_REPOSITORIES), wanted), draft=draft)
    else:
        made = bundles.bundle(name, wanted, draft=draft)
    _give(pretty(made), out)


@command.command("to-json", epilog="Example: candle-spec schema to-json uno.yaml -o uno.candle/candle-checkpoint.json")
@click.argument("file", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@_OUT
@click.option("--json", "as_json", is_flag=True, help="The result is JSON anyway; accepted for uniformity.")
def to_json(file: Path, out: Path | None, as_json: bool) -> None:
    """Turn a manifest, or another document of the format, that somebody wrote as YAML into JSON."""
    from candle_spec.canonical import pretty
    from candle_spec.manifest import load_document

    _give(pretty(load_document(file).value), out)


def _give(data: bytes, out: Path | None) -> None:
    from candle_spec.atomic import replace_file

    if out is None:
        click.echo(data.decode("utf-8").rstrip("\n"))
        return
    replace_file(out, data)
    click.echo(f"-> {out}")


def _extension(name: str, wanted: str | None) -> dict[str, Any]:
    """Return the schema of what a repository's template adds to a manifest."""
    from candle_spec.repositories.templates import search

    template = search.choose(search.library(), f"{name}/{wanted}" if wanted else name)
    if not template.extension_uri:
        raise InvalidInputError(f"the template {template.key} adds nothing to a manifest: it has no schema of its own")
    extension: dict[str, Any] = template.extension
    return extension
