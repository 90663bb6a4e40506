"""``candle-spec formats``."""

from __future__ import annotations

import json
from dataclasses import asdict

import click


@click.command("formats", epilog="Example: candle-spec formats")
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
def command(as_json: bool) -> None:
    """List the native formats: what is kept, what is not, what can be restored, what reading needs."""
    from candle_spec.conversion.formats import formats

    rows = formats()
    if as_json:
        click.echo(json.dumps([asdict(row) for row in rows], indent=2))
        return
    lines: list[str] = []
    for row in rows:
        lines.append(f"{row.id:<24} {row.family}: {row.title}")
        about = {"kept": row.kept, "not kept": row.not_kept, "restore": row.restore}
        about["needs"] = f"pip install 'candle-spec[{row.extra}]'" if row.extra else ""
        lines += [f"{'':<24}   {name:<9} {text}" for name, text in about.items() if text]
    click.echo("\n".join(lines))
