"""Carry out a plan: what is there is left alone, what is missing is made: any run completes the one before it."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from candle_spec.atomic import Fs
from candle_spec.digests import Progress, no_progress
from candle_spec.errors import InvalidInputError, ServiceRefusedError
from candle_spec.modac.client import NOT_PERMITTED, Client, Collection
from candle_spec.modac.metadata import trim
from candle_spec.modac.plan import Plan, Step
from candle_spec.modac.upload import Uploaded, upload_file
from candle_spec.publish.receipts import keep

Tell = Callable[[str], None]


@dataclass(slots=True)
class Receipt:
    """What was published, as the service confirmed it.

    Attributes:
        service: Its address.
        asset: Path of the asset.
        state: ``complete``, or ``incomplete`` where a run ended early.
        dme_data_id: The service's number of the asset.
        date: When, UTC.
        content_digests: Identity of each checkpoint.
        checkpoints: Of each checkpoint, the digests of its manifest here and as published, and what was withheld.
        files: Path, size, checksum of each file, and whether the checksum could be verified.
    """

    service: str
    asset: str
    state: str = "incomplete"
    dme_data_id: str = ""
    date: str = ""
    content_digests: list[str] = field(default_factory=list)
    checkpoints: list[dict[str, Any]] = field(default_factory=list)
    files: list[dict[str, Any]] = field(default_factory=list)


def publish(
    client: Client,
    plan: Plan,
    *,
    receipt: Path | None = None,
    create_parents: bool = False,
    now: Callable[[], float],
    tell: Tell = lambda line: None,
    progress: Progress = no_progress,
    fs: Fs | None = None,
) -> Receipt:
    """Carry out a plan that was checked.

    Args:
        client: The service.
        plan: What to do.
        receipt: Where the receipt goes; it is written after each file.
        create_parents: Create a program and a study that are missing.
        now: Seconds since 1970.
        tell: Called with a line for each step.
        progress: Called with bytes that were handed over.
        fs: The file system; replaced by tests.

    Raises:
        InvalidInputError: What is above the asset is missing, or less public than the asset.
        CandleSpecError: See :func:`candle_spec.modac.upload.upload_file`.
    """
    made = Receipt(client.settings.url, plan.asset, content_digests=list(plan.content_digests))
    made.checkpoints = [dict(one) for one in plan.checkpoints]

    with tempfile.TemporaryDirectory(prefix="candle-spec-modac-") as scratch:
        for number, step in enumerate(plan.steps):
            if step.kind == "file":
                sent = _file(client, step, Path(scratch, str(number)), progress, fs or Fs())
                made.files.append(_row(step, sent))
                tell(f"{sent.status:<8} {step.path}")
            else:
                tell(f"{_collection(client, step, plan, create_parents):<8} {step.path}")
            keep(made, receipt, now, fs)
    found = client.collection(plan.asset)
    made.dme_data_id = found.metadata.get("dme_data_id", "") if found else ""
    made.state = "complete"
    keep(made, receipt, now, fs)
    return made


def _row(step: Step, sent: Uploaded) -> dict[str, Any]:
    source = step.metadata.get("ckpt_path", "")
    return {
        "path": step.path,
        "source": source,
        "size": sent.size,
        "checksum": sent.checksum,
        "verified": sent.match.value,
    }


def _file(client: Client, step: Step, scratch: Path, progress: Progress, fs: Fs) -> Uploaded:
    local = step.local
    if step.data is not None:
        local = scratch
        with fs.open_new(scratch) as file:
            fs.write(file, step.data)
    if local is None:
        raise InvalidInputError("a step of the plan has no content", location=step.path)
    return upload_file(client, local, step.path, step.metadata, progress=progress)


def _collection(client: Client, step: Step, plan: Plan, create_parents: bool) -> str:
    """Bring one collection to where the plan wants it; returns what was done."""
    found = _look(client, step)
    if step.kind in ("Program", "Study"):
        return _above(client, step, found, plan, create_parents)
    if isinstance(found, Collection):
        changed = {name: value for name, value in step.metadata.items() if found.metadata.get(name) != trim(value)}
        if not changed:
            return "present"
        _same_model(step, found, plan)
        if found.metadata.get("collection_type", step.kind) != step.kind:
            raise InvalidInputError(f"there is a {found.metadata['collection_type']} already", location=step.path)
        client.put_collection(step.path, changed)
        return "updated"
    return "created" if client.put_collection(step.path, step.metadata) else "updated"


def _same_model(step: Step, found: Collection, plan: Plan) -> None:
    """Refuse to write over the asset of another model: one description can hold for many checkpoints."""
    there = found.metadata.get("ckpt_content_digest")
    if step.kind == "Asset" and there and plan.content_digests and there not in plan.content_digests:
        raise InvalidInputError(
            "the asset of another model is there",
            location=step.path,
            hint="give this one an identifier of its own: asset: {identifier: …} in candle-model.yaml",
        )


def _look(client: Client, step: Step) -> Collection | str | None:
    """Return a collection; ``None`` where there is none, a text where it may not be read."""
    try:
        return client.collection(step.path)
    except ServiceRefusedError as refused:
        if refused.message == NOT_PERMITTED:
            return NOT_PERMITTED
        raise


def _above(client: Client, step: Step, found: Collection | str | None, plan: Plan, create_parents: bool) -> str:
    """A program or a study: left as it is, or created where that was asked for."""
    if isinstance(found, Collection):
        _not_more_public(found, plan)
        return "present"
    if found is not None:
        return "closed"  # it is there and may not be read: whether an asset may be made in it, the service says
    if create_parents and step.described and step.metadata:
        client.put_collection(step.path, step.metadata)
        return "created"
    how = (
        "add --create-parents to make it"
        if step.metadata
        else f"describe the {step.kind.lower()} in the record, and add --create-parents"
    )
    raise InvalidInputError(f"the {step.kind.lower()} is not there", location=step.path, hint=how)


def _not_more_public(above: Collection, plan: Plan) -> None:
    group = above.metadata.get("access_group", "").lower()
    for step in plan.collections:
        own = step.metadata.get("access_group", "").lower()
        if step.kind in ("Asset", "Folder") and own == "public" and group not in ("", "public"):
            raise InvalidInputError(
                f"access_group public is more than that of {above.path}: {above.metadata['access_group']}",
                location=step.path,
            )
