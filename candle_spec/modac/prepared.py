"""A publication made ready on a machine without a network, to be sent from another.

The folder holds ``plan.json`` and the files, copied, so that it can be carried as a whole.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

from candle_spec.atomic import Fs, Staging
from candle_spec.canonical import loads, pretty
from candle_spec.digests import digest_file
from candle_spec.errors import CorruptFileError, MissingPathError
from candle_spec.modac.plan import Plan, Step
from candle_spec.publish.published import safe_local_path

PLAN: Final = "plan.json"


def prepare(plan: Plan, folder: Path, *, fs: Fs | None = None) -> None:
    """Write a plan and everything it sends into a new folder.

    Raises:
        OutputExistsError: The folder is there.
        WriteFailedError: The system refused to write.
    """
    with Staging(folder, fs=fs) as staging:
        rows = [_write(staging, step, number) for number, step in enumerate(plan.steps)]
        document = {"asset": plan.asset, "checkpoints": [dict(one) for one in plan.checkpoints], "steps": rows}
        staging.write(PLAN, pretty(document))
        staging.commit()


def _write(staging: Staging, step: Step, number: int) -> dict[str, Any]:
    row: dict[str, Any] = {"kind": step.kind, "path": step.path, "metadata": dict(step.metadata)}
    row["described"] = step.described
    if step.kind == "file":
        row["file"] = f"files/{number:05d}"
        with staging.create(row["file"]) as file:
            if step.data is not None:
                staging.fs.write(file, step.data)
            elif step.local is not None:
                with step.local.open("rb", buffering=0) as source:
                    staging.fs.copy_range(source, 0, step.size, file)
            staging.fs.sync_file(file)
        row["digest"] = digest_file(staging.path / row["file"])
    return row


def read_prepared(folder: Path) -> Plan:
    """Return the plan in a folder; every file in it is the one that was put there.

    Raises:
        MissingPathError: There is no plan.
        CorruptFileError: It is no plan, or a file was changed.
    """
    path = folder / PLAN
    if not path.is_file():
        raise MissingPathError(
            f"there is no {PLAN}", location=str(folder), hint="candle-spec publish CKPT --prepare DIR"
        )
    document = loads(path.read_bytes(), location=str(path))
    try:
        steps = tuple(_read(folder, row) for row in document["steps"])
        return Plan(steps, str(document["asset"]), tuple(dict(one) for one in document["checkpoints"]))
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise CorruptFileError(f"this is no plan: {error}", location=str(path)) from error


def _read(folder: Path, row: dict[str, Any]) -> Step:
    local = None
    if row["kind"] == "file":
        local = folder / safe_local_path(row["file"], location=str(folder))
        if not local.is_file() or digest_file(local) != row["digest"]:
            raise CorruptFileError(f"{row['file']} is not the file that was prepared", location=str(folder))
    return Step(row["kind"], row["path"], dict(row["metadata"]), local, described=bool(row["described"]))
