"""``candle-spec reshard``."""

from __future__ import annotations

import json
from pathlib import Path

import click

from candle_spec.cli.output import words
from candle_spec.cli.output.progress import bar, size_of
from candle_spec.cli.output.sizes import parse_size


@click.command("reshard", epilog="Example: candle-spec reshard model.candle small.candle --shard-size 1GB")
@click.argument("checkpoint", type=click.Path(path_type=Path))
@click.argument("output", type=click.Path(path_type=Path))
@click.option(
    "--shard-size", default="5GB", show_default=True, metavar="SIZE", help="Largest weights file, header included."
)
@click.option("--file-digests", is_flag=True, help="State a digest of each weights file as a whole, too.")
@click.option("--jobs", type=click.IntRange(1), help="Threads (default: at most 2).")
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
@click.option("-q", "--quiet", is_flag=True, help="Print nothing but errors.")
def command(
    checkpoint: Path, output: Path, shard_size: str, file_digests: bool, jobs: int | None, as_json: bool, quiet: bool
) -> None:
    """Copy CHECKPOINT to OUTPUT with its weights in files of at most SIZE: the same model, the same digests.

    Every tensor is held against its digest while it is copied; what brings the native file back is proved again.
    """
    from candle_spec.conversion.reshard import reshard
    from candle_spec.validation import verdict

    with bar("re-sharding", size_of(checkpoint), quiet=quiet or as_json) as progress:
        most = parse_size(shard_size)
        made = reshard(checkpoint, output, most, jobs=jobs, file_digests=file_digests, progress=progress)
    digest = made.manifest["weights"]["content_digest"]
    if as_json:
        about = {"path": str(made.path), "weights": made.weights, "content_digest": digest}
        click.echo(json.dumps({**about, "verdict": verdict(made.report)}, indent=2))
    elif not quiet:
        largest = max(made.weights.values())
        count = words.plural(len(made.weights), "weights file")
        click.echo(f"-> {output}    {count}, the largest {words.size(largest)}\n   content {digest}, as before")
        click.echo(f"   {verdict(made.report)}")
