"""``candle-spec verify-conversion``."""

from __future__ import annotations

import json
from pathlib import Path

import click

from candle_spec.cli import exit_codes
from candle_spec.cli.output.progress import bar, size_of


@click.command("verify-conversion", epilog="Example: candle-spec verify-conversion model.pt.candle --native model.pt")
@click.argument("checkpoint", type=click.Path(path_type=Path))
@click.option("--native", type=click.Path(path_type=Path), help="The native checkpoint it was made from.")
@click.option("--topology", type=click.Path(path_type=Path), help="The separate file with the architecture.")
@click.option(
    "--context", type=click.Path(path_type=Path), help="A folder around it that may be read: scores, scalers."
)
@click.option("--no-predictions", is_flag=True, help="Do not run the framework.")
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
def command(
    checkpoint: Path,
    native: Path | None,
    topology: Path | None,
    context: Path | None,
    no_predictions: bool,
    as_json: bool,
) -> int:
    """Prove the certificate of CHECKPOINT again: native against common, and predictions where the framework is here."""
    from candle_spec.conversion.verify import verify_conversion

    total = size_of(checkpoint) * 2 + (size_of(native) * 2 if native is not None else 0)
    with bar("verifying", total, quiet=as_json) as progress:
        proof = verify_conversion(
            checkpoint,
            native,
            topology=topology,
            context=context,
            predictions=not no_predictions,
            progress=progress,
        )
    if as_json:
        claims = [{"what": c.what, "holds": c.holds, "detail": c.detail} for c in proof.claims]
        click.echo(json.dumps({"path": str(proof.path), "ok": proof.ok, "claims": claims}, indent=2))
    else:
        for claim in proof.claims:
            mark = {True: "holds", False: "FAILS", None: "not checked"}[claim.holds]
            click.echo(f"  {mark:<12} {claim.what}" + (f": {claim.detail}" if claim.detail else ""))
    return exit_codes.OK if proof.ok else exit_codes.FINDINGS
