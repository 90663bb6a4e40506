"""``candle-spec series prune``."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import click

from candle_spec.cli.output import words
from candle_spec.cli.series import _arguments


@click.command("prune", epilog="Example: candle-spec series prune out/ckpts --keep-limit 3 --dry-run")
@_arguments.folder
@click.option("--keep-mode", type=click.Choice(["linear", "exponential", "all"]), default="linear", show_default=True)
@click.option("--keep-limit", type=click.IntRange(min=1), default=5, show_default=True, help="How many to keep.")
@click.option("--metric", default="val_loss", show_default=True, help="The metric of the best one, which is kept.")
@click.option("--metric-mode", type=click.Choice(["auto", "min", "max"]), default="auto", show_default=True)
@click.option("--dry-run", is_flag=True, help="Only say what would be deleted.")
@_arguments.as_json
def command(
    folder: Path, keep_mode: str, keep_limit: int, metric: str, metric_mode: str, dry_run: bool, as_json: bool
) -> None:
    """Delete the checkpoints of the series at DIR that are not to be kept.

    Never deleted are the newest, those that last and best name, pinned and tagged ones, and those of other runs.
    """
    from candle_spec.series.policy.retention import KeepPolicy, keep
    from candle_spec.series.series import Series

    policy = KeepPolicy(mode=keep_mode, limit=keep_limit, metric=metric, mode_of_metric=metric_mode)  # type: ignore[arg-type]
    with Series.read(folder) if dry_run else Series.create_or_open(folder) as series:
        plan = keep(series.entries(), policy, run_id=series.run_id)
        pruned = series.prune({entry.name for entry in plan.keep}, dry_run=dry_run)
    verb = "would be deleted" if dry_run else "deleted"
    lines = [f"{name}  {verb}" for name in pruned.removed]
    lines += [f"{name}  stays: {why}" for name, why in pruned.spared]
    lines.append(f"{words.plural(len(pruned.removed), 'checkpoint')} {verb}, {words.size(pruned.freed_bytes)} free")
    _arguments.show({**dataclasses.asdict(pruned), "dry_run": dry_run}, "\n".join(lines), json_wanted=as_json)
