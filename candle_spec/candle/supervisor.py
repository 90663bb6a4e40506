"""What CANDLE's Supervisor and its workflows read from a run: result, stop marker; checkpoints by id."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

from candle_spec.atomic import replace_file
from candle_spec.candle.workflow_run import output_folder
from candle_spec.checkpoint import manifest_file
from candle_spec.checkpoint.layout import MANIFEST
from candle_spec.errors import InvalidInputError, MissingPathError

COMPLETED_ALREADY: Final = "EPOCHS_COMPLETED_ALREADY"
"""What ``run()`` returns to Supervisor where nothing was left to train."""

STOP_MARKER: Final = "stop.marker"


def plain(value: float) -> str:
    """Return a number without exponent: result parsers cut ``9.1e-05`` into two numbers. NaN is ``NaN``."""
    return format(Decimal(repr(float(value))), "f") if math.isfinite(value) else str(float(value)).replace("nan", "NaN")


def finish(params: Mapping[str, Any], result: float, *, epochs: int, name: str = "val_loss") -> Path:
    """Leave what Supervisor looks for: ``result.txt``, and ``stop.marker`` only if the training ended early.

    Args:
        params: Hyperparameters: ``epochs`` and ``instance_directory`` or ``output_dir``.
        result: The value to report; also printed as ``IMPROVE_RESULT``.
        epochs: Epochs completed, those before all restarts too: a resumed training that is complete is not marked.
        name: Name of the value.

    Returns:
        The folder of the run.
    """
    folder = Path(str(params.get("instance_directory") or output_folder(params)))
    replace_file(folder / "result.txt", f"{plain(result)}\n".encode())
    planned = int(params.get("epochs") or epochs)
    if epochs < planned:
        replace_file(folder / STOP_MARKER, f"early stopping: {epochs}/{planned}\n".encode())
    print(f"IMPROVE_RESULT {name}:\t{plain(result)}")  # noqa: T201  (workflows read it from the log)
    return folder


def is_stopped(params: Mapping[str, Any]) -> bool:
    """Whether the run was ended for good: its marker is there."""
    return (Path(str(params.get("instance_directory") or output_folder(params))) / STOP_MARKER).exists()


def checkpoints(root: str | Path) -> Iterator[tuple[str, Path]]:
    """Yield id (``state_digest``) and path of every checkpoint below a folder of runs."""
    for manifest in sorted(Path(root).rglob(f"epochs/*/{MANIFEST}")):
        yield manifest_file.read(manifest)["weights"].get("state_digest", ""), manifest.parent


def find_checkpoint(root: str | Path, digest: str) -> Path:
    """Return the checkpoint with an id, or with an id that begins so.

    Checkpoints never change once they have their name, so no lock is needed to read one of another run.

    Raises:
        MissingPathError: There is none.
        InvalidInputError: Several different ones begin so.
    """
    wanted = digest if digest.startswith("sha256:") else f"sha256:{digest}"
    found = {identity: path for identity, path in checkpoints(root) if identity.startswith(wanted)}
    if not found:
        raise MissingPathError(f"there is no checkpoint {digest}", location=str(root))
    if len(found) > 1:
        raise InvalidInputError(
            f"{len(found)} checkpoints begin with {digest}", location=str(root), hint="say more of it"
        )
    return next(iter(found.values()))
