"""What publishing to Hugging Face and to Zenodo has in common: record, files, the look for secrets, the plan."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from candle_spec.cli import exit_codes
from candle_spec.cli.output.words import plural, size
from candle_spec.cli.repository_options import choose_template, open_source, shared
from candle_spec.errors import InvalidInputError

if TYPE_CHECKING:
    from candle_spec.publish.bundle import Item
    from candle_spec.publish.privacy import Leak
    from candle_spec.publish.receipts import Receipt

Command = TypeVar("Command", bound=Callable[..., Any])


def options(command: Command) -> Command:
    """Add the options that both have."""
    where = click.Path(path_type=Path)
    for option in (
        click.option("--json", "as_json", is_flag=True, help="Print plan and receipt as JSON."),
        click.option("--token-file", type=where, help="File with the token, instead of the environment."),
        click.option("--out", type=where, help="With --dry-run: folder for the files and requests that would be sent."),
        click.option("--dry-run", is_flag=True, help="Check and show the plan; send nothing."),
        click.option("--accept-personal", is_flag=True, help="Send personal paths, addresses, UIDs that were found."),
        click.option("--accept-inferred", is_flag=True, help="Take mandatory values that were only inferred."),
        click.option("--with-native", is_flag=True, help="Add the restored native file."),
        click.option("--with-original", is_flag=True, help="Publish what brings the native file back, too."),
    ):
        command = option(command)
    return shared(command)


@dataclass(frozen=True, slots=True)
class Made:
    """What would be sent: the record's documents, all files, what speaks against it, what the receipt says of it."""

    documents: Mapping[str, Any]
    items: list[Item]
    problems: list[str]
    leaks: list[Leak]
    name: str
    content_digest: str
    checkpoints: list[dict[str, Any]]

    def blocked(self, *, accept_personal: bool) -> bool:
        """Whether it must not be sent."""
        return bool(self.problems) or any(leak.secret or not accept_personal for leak in self.leaks)


def make(
    checkpoint: Path,
    template: str,
    outputs: tuple[str, ...],
    scratch: ExitStack,
    files_of: Callable[[Mapping[str, bytes]], Mapping[str, bytes]],
    *,
    templates: tuple[Path, ...],
    model_file: Path | None,
    site: Path | None,
    with_original: bool,
    with_native: bool,
    accept_inferred: bool,
) -> Made:
    """Validate, map, collect the files and look through them.

    Raises:
        InvalidInputError: The checkpoint has errors.
    """
    from candle_spec.checkpoint.checkpoint import Checkpoint
    from candle_spec.checkpoint.publication import publication
    from candle_spec.cli.modac.publish import native_files, refuse_damage
    from candle_spec.modac.mapping import problems_of
    from candle_spec.publish.bundle import bundle
    from candle_spec.publish.privacy import leaks
    from candle_spec.repositories.engine.mapper import map_source, write_documents
    from candle_spec.repositories.templates import search

    refuse_damage(checkpoint)
    pack = choose_template(search.library(templates), template)
    source = open_source(checkpoint, model_file, site)
    record = map_source(pack, source)
    problems = [
        f"{one.path}: {one.message}"
        for one in problems_of(record, accept_inferred=accept_inferred)
        if one.path.partition(":")[0] in outputs or ":/" not in one.path
    ]
    written = files_of(write_documents(pack, record)) if not problems else {}
    opened = Checkpoint(checkpoint)
    native = native_files(checkpoint, scratch) if with_native else {}
    items = bundle(opened, written, with_original=with_original, native=native)
    found = leaks(items, source.document)
    digest = str(opened.document["weights"]["content_digest"])
    about = publication(opened, with_original=with_original)
    return Made(record.documents, items, problems, found, opened.name, digest, [about])


def make_series(
    series: Path,
    template: str,
    outputs: tuple[str, ...],
    scratch: ExitStack,
    files_of: Callable[[Mapping[str, bytes]], Mapping[str, bytes]],
    **chosen: Any,
) -> dict[str, Made]:
    """Make every epoch of a series as :func:`make` does; returns them by the epoch's name.

    Raises:
        InvalidInputError: A checkpoint has errors, or the native file was asked for.
    """
    from candle_spec.modac.plan import epochs_of

    if chosen["with_native"]:
        raise InvalidInputError("--with-native is for a single checkpoint", location=str(series))
    return {one.name: make(one, template, outputs, scratch, files_of, **chosen) for one in epochs_of(series)}


def shown_epoch(series: Path, epochs: Collection[str]) -> str:
    """Return the epoch that stands for a series: the best one, else the last."""
    from candle_spec.modac.plan import pointers_of

    named = {name: value.rpartition("/")[2] for name, value in pointers_of(series).items()}
    found = named.get("best") or named.get("last") or ""
    return found if found in epochs else list(epochs)[-1]


def joined(series: Path, epochs: Mapping[str, Made]) -> Made:
    """Return all epochs as one publication, each file below ``epochs/<name>/``; the record is that of the shown one."""
    from candle_spec.modac.plan import EPOCHS, pointers_of
    from candle_spec.publish.bundle import Item

    shown = epochs[shown_epoch(series, epochs.keys())]
    whole = replace(shown, items=[], problems=[], leaks=[], name=series.resolve().name, checkpoints=[])
    for name, made in epochs.items():
        prefix = f"{EPOCHS}/{name}"
        whole.items.extend(replace(item, path=f"{prefix}/{item.path}") for item in made.items)
        whole.problems.extend(f"{prefix} {problem}" for problem in made.problems)
        whole.leaks.extend(replace(leak, path=f"{prefix}/{leak.path}") for leak in made.leaks)
        whole.checkpoints.extend({**about, "path": prefix} for about in made.checkpoints)
    pointers = pointers_of(series).items()
    whole.items.extend(Item(f"{name}.txt", data=f"{value}\n".encode()) for name, value in pointers)
    return whole


def lines(made: Made, where: str) -> Iterator[str]:
    """Yield the plan for people."""
    total = sum(item.size for item in made.items)
    yield f"{where}    {plural(len(made.items), 'file')}, {size(total)}"
    for item in made.items:
        yield f"  {size(item.size):>10}  {item.path}"
    for problem in made.problems:
        yield f"  error  {problem}"
    for leak in made.leaks:
        how = "it is not sent" if leak.secret else "--accept-personal sends it"
        yield f"  error  {leak.place}: the text holds {leak.what}: {how}"


def report(made: Made, requests: list[dict[str, Any]]) -> dict[str, Any]:
    """Return the plan for programs."""
    leaks = [{"place": leak.place, "what": leak.what, "secret": leak.secret} for leak in made.leaks]
    files = [{"path": item.path, "size": item.size, "sha256": item.sha256} for item in made.items]
    return {"files": files, "requests": requests, "problems": made.problems, "leaks": leaks}


def write_out(made: Made, requests: list[dict[str, Any]], folder: Path) -> None:
    """Write the files that would be sent, and the requests."""
    from candle_spec.atomic import Staging
    from candle_spec.canonical import pretty

    with Staging(folder) as staging:
        for item in made.items:
            with staging.create(f"files/{item.path}") as file:
                for block in item.blocks():
                    staging.fs.write(file, block)
                staging.fs.sync_file(file)
        for number, request in enumerate(requests, start=1):
            staging.write(f"requests/{number:03d}-{request['method']}.json", pretty(request))
        staging.commit()


def prepared(
    made: Made,
    requests: list[dict[str, Any]],
    where: str,
    *,
    dry_run: bool,
    out: Path | None,
    accept_personal: bool,
    as_json: bool,
) -> int | None:
    """Show the plan; returns the exit code where nothing is to be sent, else ``None``."""
    blocked = made.blocked(accept_personal=accept_personal)
    if not as_json:
        click.echo("\n".join(lines(made, where)))
    elif blocked or dry_run:
        click.echo(json.dumps(report(made, requests), indent=2, ensure_ascii=False))
    if blocked:
        return exit_codes.FINDINGS
    if dry_run and out is not None:
        write_out(made, requests, out)
        if not as_json:
            click.echo(f"-> {out}    files/ and requests/, nothing was sent")
    return exit_codes.OK if dry_run else None


def show_receipt(receipt: Receipt, path: Path, *, as_json: bool) -> None:
    """Show what was published."""
    from dataclasses import asdict

    if as_json:
        click.echo(json.dumps({"receipt": asdict(receipt), "receipt_path": str(path)}, indent=2))
    else:
        click.echo(f"-> {receipt.page or receipt.repository}\n   receipt: {path}")
