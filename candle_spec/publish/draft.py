"""A publication that is made and not sent: its record, its files, and what speaks against it.

For services that take a record and files; each epoch of a series is made like a checkpoint of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from candle_spec.checkpoint.checkpoint import Checkpoint
from candle_spec.checkpoint.publication import publication
from candle_spec.publish.bundle import Item, bundle
from candle_spec.publish.card import with_later
from candle_spec.publish.privacy import Leak, leaks
from candle_spec.publish.registry import template
from candle_spec.publish.remarks import Remark, remarks_on
from candle_spec.publish.sources import Selection, native_files, refuse_damage, refuse_series, source_of
from candle_spec.repositories.engine.mapper import map_source, write_documents
from candle_spec.repositories.templates import search
from candle_spec.series.outline import EPOCHS, epochs_of, is_series, pointers_of


def no_files(record: Mapping[str, bytes]) -> Mapping[str, bytes]:
    """Return no files: the record is sent as metadata alone."""
    return {}


@dataclass(frozen=True, slots=True)
class Form:
    """What a service takes of a template.

    Attributes:
        template: The template.
        outputs: Those of its outputs that are sent.
        files: Returns what is sent of the record's files, by the name that they get.
    """

    template: str
    outputs: tuple[str, ...]
    files: Callable[[Mapping[str, bytes]], Mapping[str, bytes]] = no_files


@dataclass(frozen=True, slots=True)
class Draft:
    """What would be sent.

    Attributes:
        documents: The record by the names of its outputs.
        items: All files, the manifest last.
        remarks: What keeps the record from being sent.
        leaks: What should not be sent.
        name: Name of the checkpoint, or of the folder of the series.
        content_digest: Identity of the model; of a series, of the checkpoint that stands for it.
        checkpoints: What a receipt says of each checkpoint.
        epochs: Of a series, what would be sent of each epoch, by its name.
    """

    documents: Mapping[str, Any]
    items: tuple[Item, ...]
    remarks: tuple[Remark, ...]
    leaks: tuple[Leak, ...]
    name: str
    content_digest: str
    checkpoints: tuple[Mapping[str, Any], ...]
    epochs: Mapping[str, Draft] = field(default_factory=dict)


def drafted(selection: Selection, form: Form, scratch: ExitStack) -> Draft:
    """Validate, map, collect the files and look through them.

    Args:
        selection: What is to be published.
        form: What the service takes.
        scratch: Removes what is made for it when it is closed.

    Raises:
        InvalidInputError: A checkpoint has errors, or the native file of a series was asked for.
        MissingPathError: There is no checkpoint.
    """
    path = selection.named
    if not is_series(path):
        return _of_checkpoint(path, selection, form, scratch)
    if selection.with_native:
        refuse_series(path)
    return _of_series(path, {one.name: _of_checkpoint(one, selection, form, scratch) for one in epochs_of(path)})


def _of_checkpoint(path: Path, selection: Selection, form: Form, scratch: ExitStack) -> Draft:
    refuse_damage(path)
    chosen = template(search.library(selection.templates), form.template)
    source = source_of(path, selection.model_file, selection.site)
    record = map_source(chosen, source)
    remarks = [
        one
        for one in remarks_on(record, accept_inferred=selection.accept_inferred)
        if one.path.partition(":")[0] in form.outputs or ":/" not in one.path
    ]
    written = form.files(write_documents(chosen, record)) if not remarks else {}
    checkpoint = Checkpoint(path)
    native = native_files(path, scratch) if selection.with_native else {}
    items = bundle(checkpoint, with_later(written, checkpoint), with_original=selection.with_original, native=native)
    return Draft(
        documents=record.documents,
        items=tuple(items),
        remarks=tuple(remarks),
        leaks=tuple(leaks(items, source.document)),
        name=checkpoint.name,
        content_digest=str(checkpoint.document["weights"]["content_digest"]),
        checkpoints=(publication(checkpoint, with_original=selection.with_original),),
    )


def _of_series(series: Path, epochs: Mapping[str, Draft]) -> Draft:
    """Return all epochs as one publication, each file below ``epochs/<name>/``; the record is that of the shown one."""
    items: list[Item] = []
    remarks: list[Remark] = []
    found: list[Leak] = []
    checkpoints: list[Mapping[str, Any]] = []
    for name, draft in epochs.items():
        prefix = f"{EPOCHS}/{name}"
        items += [replace(item, path=f"{prefix}/{item.path}") for item in draft.items]
        remarks += [replace(remark, path=f"{prefix} {remark.path}") for remark in draft.remarks]
        found += [replace(leak, path=f"{prefix}/{leak.path}") for leak in draft.leaks]
        checkpoints += [{**about, "path": prefix} for about in draft.checkpoints]
    items += [Item(f"{name}.txt", data=f"{value}\n".encode()) for name, value in pointers_of(series).items()]
    return replace(
        epochs[shown_epoch(series, epochs)],
        items=tuple(items),
        remarks=tuple(remarks),
        leaks=tuple(found),
        name=series.resolve().name,
        checkpoints=tuple(checkpoints),
        epochs=epochs,
    )


def shown_epoch(series: Path, epochs: Collection[str]) -> str:
    """Return the epoch that stands for a series: the best one, else the last."""
    named = {name: value.rpartition("/")[2] for name, value in pointers_of(series).items()}
    found = named.get("best") or named.get("last") or ""
    return found if found in epochs else list(epochs)[-1]
