"""What a publication will do, step by step, made without a word to the service.

Layout at MoDaC: a checkpoint is one asset, its files lie flat in it, each with its true path in ``ckpt_path``; a series
is one asset with a folder for each epoch, which has the asset's ``access_group`` (the service looks at the folder
alone). The manifest goes last: an asset without it is not complete.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from candle_spec.checkpoint.checkpoint import Checkpoint
from candle_spec.checkpoint.later_evaluations import later_files
from candle_spec.checkpoint.layout import MANIFEST, SIGNATURE
from candle_spec.checkpoint.publication import left_out, publication, published_manifest
from candle_spec.modac.records import AssetPlan, AssetRecord, CollectionEntry, FileEntry
from candle_spec.remote.names import flat_names
from candle_spec.series.outline import EPOCHS, epochs_of, is_series, pointers_of


@dataclass(frozen=True, slots=True)
class Step:
    """One thing to do.

    Attributes:
        kind: ``Program``, ``Study``, ``Asset``, ``Folder`` or ``file``.
        path: Where, at MoDaC.
        metadata: What is sent with it.
        local: The file; ``None`` where ``data`` is its content, or for a collection.
        data: Content that stands in no file: a manifest that marks what was left out.
        described: Whether a collection could be created; else it must be there.
    """

    kind: str
    path: str
    metadata: Mapping[str, str] = field(default_factory=dict)
    local: Path | None = None
    data: bytes | None = None
    described: bool = True

    @property
    def size(self) -> int:
        """Bytes to send."""
        if self.data is not None:
            return len(self.data)
        return self.local.stat().st_size if self.local else 0


@dataclass(frozen=True, slots=True)
class Plan:
    """All steps of one publication, in order.

    Attributes:
        steps: The steps.
        asset: Path of the asset.
        checkpoints: What the receipt says of each checkpoint (:func:`candle_spec.checkpoint.publication.publication`).
    """

    steps: tuple[Step, ...]
    asset: str
    checkpoints: tuple[Mapping[str, Any], ...] = ()

    @property
    def content_digests(self) -> tuple[str, ...]:
        """Identity of each checkpoint."""
        return tuple(str(one["content_digest"]) for one in self.checkpoints)

    @property
    def files(self) -> list[Step]:
        """The steps that send files."""
        return [step for step in self.steps if step.kind == "file"]

    @property
    def size(self) -> int:
        """Bytes of all files."""
        return sum(step.size for step in self.files)

    @property
    def collections(self) -> list[Step]:
        """The steps that need a collection."""
        return [step for step in self.steps if step.kind != "file"]


@dataclass(frozen=True, slots=True)
class Choices:
    """What the caller decides: where, and what goes along.

    Attributes:
        study: Path of the study, instead of the record's.
        with_original: Publish ``original/`` too.
        native: The restored native file and its like, by the name that they get in the asset.
        changes: Metadata of the asset that wins over the record's.
        copies: Checkpoints of a series that are published as another copy of them, whose files are smaller.
    """

    study: str = ""
    with_original: bool = False
    native: Mapping[str, Path] = field(default_factory=dict)
    changes: Mapping[str, str] = field(default_factory=dict)
    copies: Mapping[Path, Path] = field(default_factory=dict)


def make_plan(source: Path, record: AssetPlan, choices: Choices) -> Plan:
    """Return the plan for a checkpoint or a series.

    Args:
        source: The folder.
        record: What the mapping made of it; for a series, of its last checkpoint.
        choices: What the caller decides.

    Raises:
        InvalidInputError: The record is of another checkpoint.
    """
    moved = _moved(record, choices)
    steps = list(_above(moved))
    made: list[Mapping[str, Any]] = []
    if not is_series(source):
        checkpoint = Checkpoint(source)
        steps += _files(checkpoint, moved, moved.asset.path, "", choices)
        made.append(publication(checkpoint, with_original=choices.with_original))
    else:
        for folder in epochs_of(source):
            checkpoint = Checkpoint(choices.copies.get(folder, folder))
            path = f"{moved.asset.path}/epoch-{folder.name}"
            group = moved.asset.metadata.get("access_group", "")
            own = {"collection_type": "Folder", "folder_identifier": f"epoch-{folder.name}", "access_group": group}
            steps.append(Step("Folder", path, {name: value for name, value in own.items() if value}))
            steps += _files(checkpoint, moved, path, f"{EPOCHS}/{folder.name}/", replace(choices, native={}))
            made.append(publication(checkpoint, with_original=choices.with_original, path=f"{EPOCHS}/{folder.name}"))
        steps += list(_pointers(source, moved.asset))
    return Plan(tuple(steps), moved.asset.path, tuple(made))


def _moved(record: AssetPlan, choices: Choices) -> AssetRecord:
    """Return the record with the caller's study and metadata."""
    asset = record.asset
    study = "/" + choices.study.strip("/") if choices.study else asset.path.rpartition("/")[0]
    path = f"{study}/{asset.path.rpartition('/')[2]}"
    files = {
        source: replace(entry, path=path + entry.path.removeprefix(asset.path))
        for source, entry in record.files.items()
    }
    moved_asset = CollectionEntry(path, {**asset.metadata, **choices.changes})
    return AssetRecord(moved_asset, _at(record.program, study.rpartition("/")[0]), _at(record.study, study), files)


def _at(entry: CollectionEntry | None, path: str) -> CollectionEntry:
    """The entry, if it is of that path; else one that says nothing, which must be there."""
    return entry if entry is not None and entry.path == path else CollectionEntry(path, {})


def _above(record: AssetRecord) -> Iterator[Step]:
    for kind, entry in (("Program", record.program), ("Study", record.study), ("Asset", record.asset)):
        if entry is not None:
            yield Step(kind, entry.path, entry.metadata, described=bool(entry.metadata))


def _files(checkpoint: Checkpoint, record: AssetRecord, folder: str, prefix: str, choices: Choices) -> Iterator[Step]:
    """Yield the files of a checkpoint, the manifest last."""
    rows = {row["path"]: row for row in checkpoint.complete_document["files"]}
    is_changed = checkpoint.complete_document is not checkpoint.document
    kept_back = left_out(checkpoint.document, with_original=choices.with_original)
    sent = [path for path, row in rows.items() if path not in kept_back and "withheld" not in row]
    if (checkpoint.path / SIGNATURE).is_file() and not kept_back and not is_changed:
        sent.append(SIGNATURE)
    later = later_files(checkpoint.path, rows)
    rows |= {path: {"role": "evaluation" if path.endswith(".json") else "signature"} for path in later}
    sent += later
    names = flat_names([*sent, MANIFEST])
    for path in sent:
        entry = None if prefix else record.files.get(path)
        step = _file(entry, f"{folder}/{names[path]}", prefix + path, rows.get(path, {}))
        yield replace(step, local=checkpoint.file(path))
    for name, native in choices.native.items():
        yield Step("file", f"{folder}/{name}", {"description": "the native file of the model"}, native)
    entry = None if prefix else record.files.get(MANIFEST)
    step = _file(entry, f"{folder}/{MANIFEST}", prefix + MANIFEST, {"role": "manifest"})
    if kept_back or is_changed:
        yield replace(step, data=published_manifest(checkpoint, kept_back))
    else:
        yield replace(step, local=checkpoint.path / MANIFEST)


def _file(entry: FileEntry | None, path: str, source: str, row: Mapping[str, Any]) -> Step:
    if entry is not None and entry.path.rpartition("/")[0] == path.rpartition("/")[0]:
        return Step("file", entry.path, {**entry.metadata, "ckpt_path": source})
    metadata = {
        "object_name": path.rpartition("/")[2],
        "description": f"{row.get('role', 'file')} of a model in the common checkpoint format",
        "file_type": str(row.get("media_type", "application/json")),
        "ckpt_path": source,
        "ckpt_role": str(row.get("role", "signature")),
    }
    if "digest" in row:
        metadata["source_checksum_sha256"] = str(row["digest"]).removeprefix("sha256:")
    return Step("file", path, metadata)


def _pointers(source: Path, asset: CollectionEntry) -> Iterator[Step]:
    """What ``best`` and ``last`` of a series name, as metadata of the asset: sent at the end, when all is there."""
    if found := pointers_of(source):
        named = {f"ckpt_{name}": value for name, value in found.items()}
        yield Step("Asset", asset.path, {**asset.metadata, **named})
