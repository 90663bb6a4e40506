"""``candle-spec publish --to modac``."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click

from candle_spec.cli import exit_codes
from candle_spec.cli.modac.connection import client_of, connected, full_path, metadata_of, settings_of
from candle_spec.cli.output.progress import bar
from candle_spec.cli.output.words import plural, size
from candle_spec.cli.repository_options import shared
from candle_spec.errors import InvalidInputError

if TYPE_CHECKING:
    from candle_spec.modac.checks import PlanProblem
    from candle_spec.modac.plan import Plan
    from candle_spec.modac.records import AssetRecord
    from candle_spec.modac.settings import Settings


@click.command("publish", context_settings={"help_option_names": ["-h", "--help"]})
@click.argument("checkpoint", type=click.Path(path_type=Path), required=False)
@click.option(
    "--record", type=click.Path(path_type=Path), help="A record that map --out wrote, instead of a mapping now."
)
@click.option("--study", default="", help="Path of the study, such as PROGRAM/STUDY.")
@click.option("--accept-inferred", is_flag=True, help="Take mandatory values that were only inferred.")
@click.option("--set", "entries", multiple=True, metavar="ATTRIBUTE=VALUE", help="Metadata of the asset.")
@click.option("--create-parents", is_flag=True, help="Create a program and a study that are missing.")
@click.option("--with-original", is_flag=True, help="Publish what brings the native file back, too.")
@click.option("--with-native", is_flag=True, help="Add the restored native file, as readers of today expect it.")
@click.option("--reshard", is_flag=True, help="Where weights are too large for one upload, send a copy that fits.")
@click.option("--allow-public", is_flag=True, help="Accept access_group public.")
@click.option("--dry-run", is_flag=True, help="Check and show the plan; send nothing.")
@click.option("--prepare", type=click.Path(path_type=Path), help="Make all ready in a folder; send nothing.")
@click.option("--from", "prepared", type=click.Path(path_type=Path), help="Send what --prepare made.")
@connected
@shared
@click.option("--json", "as_json", is_flag=True, help="Print plan, problems and receipt as JSON.")
def command(
    checkpoint: Path | None,
    record: Path | None,
    study: str,
    accept_inferred: bool,
    entries: tuple[str, ...],
    create_parents: bool,
    with_original: bool,
    with_native: bool,
    reshard: bool,
    allow_public: bool,
    dry_run: bool,
    prepare: Path | None,
    prepared: Path | None,
    url: str | None,
    user: str | None,
    config: Path | None,
    templates: tuple[Path, ...],
    model_file: Path | None,
    site: Path | None,
    as_json: bool,
) -> int:
    """Publish CHECKPOINT (or a series) to MoDaC as one asset.

    Everything is checked before anything is sent. A run that broke off is completed by the same command: what is
    there is verified and left alone.
    """
    from candle_spec.modac.checks import check_plan
    from candle_spec.modac.plan import Choices, is_series, make_plan
    from candle_spec.modac.prepared import prepare as write_prepared
    from candle_spec.modac.prepared import read_prepared
    from candle_spec.modac.publish import receipt_path
    from candle_spec.modac.vocabulary import Knowledge

    settings = settings_of(url, user, config)
    with ExitStack() as scratch:
        problems: list[PlanProblem] = []
        if prepared is not None:
            plan, receipt = read_prepared(prepared), receipt_path(prepared.resolve())
        elif checkpoint is None:
            raise InvalidInputError("no checkpoint is named", hint="candle-spec publish CKPT --to modac")
        else:
            if with_native and is_series(checkpoint):
                raise InvalidInputError("--with-native is for a single checkpoint", location=str(checkpoint))
            native = native_files(checkpoint, scratch) if with_native else {}
            changes = metadata_of(entries)
            where = full_path(study, settings) if study else ""
            refuse_damage(checkpoint)
            copies = _fitting(checkpoint, settings, quiet=as_json) if reshard else {}
            sent = copies.get(checkpoint, checkpoint)
            mapping = MappingChoices(templates, model_file, site, where, frozenset(changes), accept_inferred)
            made, problems = _read(record, whole=not copies) if record else _mapped(sent, settings, mapping)
            if made is None:
                return _not_yet(checkpoint, problems, as_json=as_json)
            plan = make_plan(sent, made, Choices(where, with_original, native, changes, copies))
            receipt = receipt_path(checkpoint.resolve())
        problems += check_plan(plan, settings, Knowledge(settings.place), allow_public=allow_public)
        blocking = [one for one in problems if one.blocking]
        if not as_json:
            click.echo("\n".join([*_plan_lines(plan, settings), *_problem_lines(problems)]))
        if as_json and (blocking or dry_run):
            click.echo(json.dumps(_report(plan, problems), indent=2, ensure_ascii=False))
        if blocking:
            return exit_codes.FINDINGS
        if prepare is not None:
            write_prepared(plan, prepare)
            click.echo(f"-> {prepare}    candle-spec publish --to modac --from {prepare} sends it")
            return exit_codes.OK
        if dry_run:
            return exit_codes.OK
        return _send(plan, settings, receipt, create_parents=create_parents, as_json=as_json)


@dataclass(frozen=True, slots=True)
class MappingChoices:
    """What the caller says about the mapping; ``given`` are attributes that are stated beside the record."""

    templates: tuple[Path, ...]
    model_file: Path | None
    site: Path | None
    study: str
    given: frozenset[str]
    accept_inferred: bool


def refuse_damage(source: Path) -> None:
    """Refuse a checkpoint, or a series with one, that validation finds errors in.

    Raises:
        InvalidInputError: It has errors.
    """
    from candle_spec.modac.plan import epochs_of, is_series
    from candle_spec.validation import validate

    for checkpoint in epochs_of(source) if is_series(source) else [source]:
        if errors := validate(checkpoint).errors:
            raise InvalidInputError(
                f"the checkpoint has errors, the first: {errors[0].message}",
                location=str(checkpoint),
                hint="candle-spec validate names them all",
            )


def _fitting(source: Path, settings: Settings, *, quiet: bool) -> dict[Path, Path]:
    """Make copies of what is too large for one upload, and say so."""
    from candle_spec.cli.output.progress import size_of
    from candle_spec.modac.oversize import fitting_copies

    with bar("re-sharding", size_of(source), quiet=quiet) as progress:
        copies = fitting_copies(source, settings, progress)
    for copy in copies.values() if not quiet else ():
        click.echo(f"re-sharded copy: {copy}")
    return copies


def _read(record: Path, *, whole: bool) -> tuple[AssetRecord | None, list[PlanProblem]]:
    """Return a record; what it says of single files only where they are still the files that are sent."""
    from dataclasses import replace

    from candle_spec.modac.records import load_record

    read = load_record(record)
    return read if whole else replace(read, files={}), []


def _mapped(
    checkpoint: Path, settings: Settings, wanted: MappingChoices
) -> tuple[AssetRecord | None, list[PlanProblem]]:
    """Return what the template makes of the checkpoint, and what keeps it from being sent."""
    from candle_spec.modac import mapping
    from candle_spec.modac.vocabulary import Knowledge
    from candle_spec.repositories.engine.mapper import map_source
    from candle_spec.repositories.templates import search

    pack = mapping.informed(
        search.choose(search.library(wanted.templates), mapping.TEMPLATE), Knowledge(settings.place)
    )
    source = mapping.source_of(checkpoint, wanted.model_file, wanted.site)
    if wanted.study:
        mapping.place_at(pack, source, wanted.study)
    record = map_source(pack, source)
    problems = mapping.problems_of(record, given=wanted.given, accept_inferred=wanted.accept_inferred)
    return mapping.asset_of(record), list(problems)


def _not_yet(checkpoint: Path, problems: list[PlanProblem], *, as_json: bool) -> int:
    """Say what is missing where not even the asset's place is known."""
    from dataclasses import asdict

    if as_json:
        click.echo(json.dumps({"problems": [asdict(one) for one in problems]}, indent=2, ensure_ascii=False))
    else:
        click.echo("\n".join(_problem_lines(problems)))
        click.echo(f"candle-spec describe {checkpoint} --for modac asks for it; --study PROGRAM/STUDY names the place")
    return exit_codes.FINDINGS


def native_files(checkpoint: Path, scratch: ExitStack) -> dict[str, Path]:
    """Restore the native file and return it by the name that readers of the archive expect."""
    import tempfile

    from candle_spec.checkpoint.checkpoint import Checkpoint
    from candle_spec.conversion.restore import restore
    from candle_spec.modac.names import identifier_from

    folder = Path(scratch.enter_context(tempfile.TemporaryDirectory(prefix="candle-spec-modac-")))
    opened = Checkpoint(checkpoint)
    restored = restore(checkpoint, folder / "native")
    if len(restored) != 1:
        raise InvalidInputError("the native checkpoint is no single file", location=str(checkpoint))
    suffix = Path(str(opened.document["conversion"]["native"]["files"][0]["path"])).suffix or ".bin"
    name = identifier_from(opened.name).lower() or "model"
    found = {f"{name}.model{suffix}": restored[0].path}
    for row in opened.document["files"]:
        if row["role"] == "topology" and row["path"].endswith(".json") and f"{name}.model.json" not in found:
            found[f"{name}.model.json"] = opened.file(row["path"])
    return found


def _send(plan: Plan, settings: Settings, receipt: Path, *, create_parents: bool, as_json: bool) -> int:
    from dataclasses import asdict

    from candle_spec.modac.publish import publish, summary

    total = summary(plan)["bytes"]
    with client_of(settings) as client, bar("publishing", total, quiet=as_json) as progress:
        made = publish(
            client,
            plan,
            receipt=receipt,
            create_parents=create_parents,
            now=time.time,
            tell=(lambda line: None) if as_json else (lambda line: click.echo(f"  {line}")),
            progress=progress,
        )
    if as_json:
        click.echo(json.dumps({"receipt": asdict(made), "receipt_path": str(receipt)}, indent=2))
    else:
        click.echo(f"-> {made.asset}    {made.dme_data_id}\n   receipt: {receipt}")
    return exit_codes.OK


def _plan_lines(plan: Plan, settings: Settings) -> Iterator[str]:
    from candle_spec.modac.publish import summary

    about = summary(plan)
    yield f"{plan.asset}    at {settings.host}"
    yield f"  {plural(about['collections'], 'collection')}, {plural(about['files'], 'file')}, {size(about['bytes'])}"
    for step in plan.steps:
        what = size(step.size) if step.kind == "file" else step.kind
        yield f"  {what:>10}  {step.path.removeprefix(plan.asset + '/') if step.kind == 'file' else step.path}"


def _problem_lines(problems: list[PlanProblem]) -> Iterator[str]:
    for one in sorted(problems, key=lambda one: not one.blocking):
        yield f"  {'error' if one.blocking else 'note':<6} {one.path}: {one.message}"


def _report(plan: Plan, problems: list[PlanProblem]) -> dict[str, object]:
    from dataclasses import asdict

    steps = [
        {"kind": step.kind, "path": step.path, "metadata": dict(step.metadata), "size": step.size}
        for step in plan.steps
    ]
    return {"asset": plan.asset, "steps": steps, "problems": [asdict(one) for one in problems]}
