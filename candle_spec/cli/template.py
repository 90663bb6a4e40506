"""``candle-spec template``: new, test, list, show."""

from __future__ import annotations

import json
from pathlib import Path

import click

from candle_spec.cli import exit_codes
from candle_spec.cli.output.words import plural


@click.group("template", epilog="Example: candle-spec template test my-templates/example/1.0.0")
def command() -> None:
    """List, show, make and test the templates of repositories."""


_TEMPLATES = click.option("--templates", type=click.Path(path_type=Path), multiple=True, help="A folder of your own.")


@command.command("list")
@_TEMPLATES
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
def list_templates(templates: tuple[Path, ...], as_json: bool) -> None:
    """List the templates that are found."""
    from candle_spec.repositories.templates import search

    library = search.library(templates)
    rows = {key: str(library.get(key).about["title"]) for key in library.keys}
    if as_json:
        click.echo(json.dumps(rows, ensure_ascii=False, indent=2))
        return
    width = max(len(key) for key in rows)
    for key, title in rows.items():
        click.echo(f"{key:<{width}}  {title}")


@command.command("show")
@click.argument("name")
@_TEMPLATES
@click.option("--json", "as_json", is_flag=True, help="Print template.yaml as JSON.")
def show(name: str, templates: tuple[Path, ...], as_json: bool) -> None:
    """Show what a template makes, of what, and what it asks."""
    from candle_spec.repositories.language.references import fields
    from candle_spec.repositories.language.tree import Demand
    from candle_spec.repositories.templates import search

    template = search.choose(search.library(templates), name)
    if as_json:
        click.echo(json.dumps(template.about, ensure_ascii=False, indent=2))
        return
    click.echo(f"{template.key}  {template.about['title']}")
    for output in template.about["outputs"]:
        named = [f"{template.id}:{form}" for form, outputs in template.forms.items() if output["id"] in outputs]
        click.echo(f"  {output['file']:<28} {output['title']}{'  ' + ', '.join(named) if named else ''}")
    for target, instruction in fields(template.tree):
        if instruction.level in (Demand.MUST, Demand.SHOULD):
            asked = f"  {instruction.ask.question}" if instruction.ask else ""
            click.echo(f"  {instruction.level.value:<7} {target}{asked}")
    for source in template.about["sources"]:
        click.echo(f"  from {source['title']}, {source['url']}, {source['date']}")


@command.command("test")
@click.argument("folders", nargs=-1, type=click.Path(path_type=Path))
@click.option("--update", is_flag=True, help="Write what the valid examples give now.")
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
def test(folders: tuple[Path, ...], update: bool, as_json: bool) -> int:
    """Test the templates in FOLDERS, or those of the package: everything that must hold before they are used."""
    from candle_spec.repositories.engine.proof import prove, renew
    from candle_spec.repositories.templates.folder import open_folder
    from candle_spec.repositories.templates.search import packaged_folders

    found = {str(folder): open_folder(folder) for folder in folders} or packaged_folders()
    results, wrong = [], 0
    for name, folder in found.items():
        proof = renew(Path(name)) if update and folders else prove(folder)
        wrong += len(proof.problems)
        rows = [
            {"file": p.location.file, "line": p.location.line, "column": p.location.column, "code": p.code,
             "message": p.message, "hint": p.hint}
            for p in proof.problems
        ]  # fmt: skip
        results.append({"template": name, "examples": proof.examples, "problems": rows})
        if not as_json:
            click.echo(
                f"{name}  {plural(proof.examples, 'example')}  {'ok' if not rows else plural(len(rows), 'problem')}"
            )
            for row in rows:
                hint = f"\n    -> {row['hint']}" if row["hint"] else ""
                click.echo(f"  {row['file']}:{row['line']}:{row['column']}  {row['code']}  {row['message']}{hint}")
    if as_json:
        click.echo(json.dumps(results, ensure_ascii=False, indent=2))
    return exit_codes.FINDINGS if wrong else exit_codes.OK


@command.command("new")
@click.argument("identifier")
@click.argument("folder", type=click.Path(path_type=Path))
@click.option("--version", default="1.0.0", help="Version of the template.")
def new(identifier: str, folder: Path, version: str) -> None:
    """Make a template IDENTIFIER below FOLDER that passes its own test, to be filled."""
    from candle_spec.repositories.templates.skeleton import write_starter

    target = write_starter(folder, identifier, version)
    click.echo(f"-> {target}")
    click.echo(f"candle-spec template test {target}")
