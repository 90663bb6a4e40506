"""Make the manifest of a new checkpoint from its contents and what was written of them."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final

from candle_spec import pointer
from candle_spec._version import __version__
from candle_spec.checkpoint.contents import Contents, Field, Framework, Group
from candle_spec.checkpoint.file_record import FileRecord, file_rows
from candle_spec.checkpoint.identity import identity, is_model
from candle_spec.checkpoint.layout import INLINE_BYTES, INLINE_TENSORS, INVENTORY, STATE
from candle_spec.checkpoint.manifest_file import SCHEMA_VERSION
from candle_spec.checkpoint.resume import EXACT, resume_grade
from candle_spec.digests import digest_encoded, digest_json
from candle_spec.manifest.collection import schema_id
from candle_spec.manifest.features import used
from candle_spec.names import to_json
from candle_spec.weights.dtypes import is_parameter
from candle_spec.weights.shards import GroupPlan, StoredPart, stored_parts
from candle_spec.weights.sources import TensorSource

STATE_PARTS: Final = (*EXACT, "metric")
"""Parts of a training state that every manifest names."""


def now() -> datetime:
    """Return this moment, or the one that ``SOURCE_DATE_EPOCH`` names.

    See https://reproducible-builds.org/specs/source-date-epoch/.
    """
    epoch = os.environ.get("SOURCE_DATE_EPOCH")
    return datetime.fromtimestamp(int(epoch), UTC) if epoch and epoch.isdigit() else datetime.now(UTC)


@dataclass(slots=True)
class Inputs:
    """What the manifest is made from.

    Attributes:
        contents: What the checkpoint holds.
        plans: Where each array was written.
        part_digests: Digest of each array by file and key.
        files: All files written.
        conversion: The certificate, where it was converted.
        created: Moment of writing.
    """

    contents: Contents
    plans: Sequence[GroupPlan]
    part_digests: Mapping[tuple[str, str], str]
    files: list[FileRecord] = field(default_factory=list)
    conversion: dict[str, Any] = field(default_factory=dict)
    created: datetime = field(default_factory=now)


def tensor_entries(inputs: Inputs) -> list[dict[str, Any]]:
    """Return the inventory: one entry for every name, in the native order."""
    stored: dict[tuple[str, str], dict[str, StoredPart]] = {}
    for part in stored_parts(inputs.plans):
        stored.setdefault((part.tensor.group, part.tensor.name), {})[part.part_name] = part
    digests: dict[tuple[str, str], str] = {}
    entries: list[dict[str, Any]] = []
    for tensor in inputs.contents.tensors:
        if tensor.alias_of is None:
            entry = _stored_entry(tensor, stored[tensor.group, tensor.name], inputs.part_digests)
            digests[tensor.group, tensor.name] = entry["digest"]
            entries.append(entry)
        else:
            group, name = tensor.alias_of
            entries.append({**_about(tensor), "digest": digests[group, name], "alias_of": [group, to_json(name)]})
    return entries


def _about(tensor: TensorSource) -> dict[str, Any]:
    about: dict[str, Any] = {
        "group": tensor.group,
        "name": to_json(tensor.name),
        "dtype": tensor.dtype,
        "shape": list(tensor.shape),
        "digest": "",
    }
    about |= {key: value for key in ("role", "label") if (value := getattr(tensor, key))}
    if tensor.attributes:
        about["attributes"] = dict(tensor.attributes)
    return about


def _stored_entry(
    tensor: TensorSource, parts: Mapping[str, StoredPart], digests: Mapping[tuple[str, str], str]
) -> dict[str, Any]:
    entry = _about(tensor)
    if tensor.encoding is None:
        part = parts[""]
        entry["digest"] = digests[part.file, part.key]
        entry["file"] = part.file
        if part.key != tensor.name:
            entry["key"] = part.key
        return entry
    described: dict[str, dict[str, Any]] = {
        name: {
            "key": part.key,
            "dtype": part.part.dtype,
            "shape": list(part.part.shape),
            "digest": digests[part.file, part.key],
            "file": part.file,
        }
        for name, part in parts.items()
    }
    rows = {name: (about["dtype"], about["shape"], about["digest"]) for name, about in described.items()}
    entry["digest"] = digest_encoded(tensor.encoding.name, tensor.encoding.params, rows)
    entry["encoding"] = {"name": tensor.encoding.name, "params": dict(tensor.encoding.params), "parts": described}
    return entry


def is_apart(entries: Sequence[Mapping[str, Any]]) -> bool:
    """Whether an inventory is a file of its own."""
    return len(entries) > INLINE_TENSORS or sum(map(_compact_size, entries)) > INLINE_BYTES


def _compact_size(entry: Mapping[str, Any]) -> int:
    return len(json.dumps(entry, ensure_ascii=False))


def build(inputs: Inputs, entries: list[dict[str, Any]]) -> dict[str, Any]:
    """Return the manifest (without seal); its tensors are inline unless they were written as a file."""
    contents = inputs.contents
    models = [entry for entry in entries if is_model(entry["group"])]
    manifest: dict[str, Any] = {
        "$schema": schema_id("checkpoint"),
        "schema_version": SCHEMA_VERSION,
        "dates": {"created": timestamp(inputs.created)},
        "model": {"framework": _framework(contents.framework), "parameter_count": _parameters(models)},
        "files": file_rows(inputs.files),
        "weights": _weights(inputs, entries),
        "training_state": _training_state(contents),
        "security": _security(contents),
    }
    if required := sorted(used(manifest, entries)):
        manifest["requires"] = required
    if inputs.conversion:
        manifest["conversion"] = inputs.conversion
    for found in contents.fields:
        pointer.put(manifest, found.pointer, found.value)
    manifest["field_sources"] = [_source(found) for found in (*contents.fields, *_own_fields(manifest, contents))]
    return manifest


def _own_fields(manifest: Mapping[str, Any], contents: Contents) -> Iterator[Field]:
    """Yield what was found out here and not by a reader, unless a reader says it."""
    told = {found.pointer for found in contents.fields}
    from_file = bool(manifest.get("conversion"))
    own = [
        ("/dates/created", "environment", "clock of the machine"),
        (
            "/model/framework",
            *(("file", "see its evidence") if from_file else ("environment", "the process that trained")),
        ),
        ("/model/parameter_count", "file", "counted from the tensors"),
    ]
    for at, source, detail in own:
        if not any(at == known or at.startswith(f"{known}/") or known.startswith(f"{at}/") for known in told):
            yield Field(at, pointer.get(manifest, at), source, detail)


def _source(found: Field) -> dict[str, Any]:
    about = {"pointer": found.pointer, "source": found.source, "value_digest": digest_json(found.value)}
    return {**about, "detail": found.detail} if found.detail else about


def timestamp(moment: datetime) -> str:
    """Return a moment as RFC 3339 in UTC, to the second."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _framework(framework: Framework) -> dict[str, Any]:
    about: dict[str, Any] = {"name": framework.name or "unknown"}
    if framework.version:
        about["version"] = framework.version
    if framework.evidence:
        about["evidence"] = list(framework.evidence)
    return about


def _parameters(entries: Sequence[Mapping[str, Any]]) -> int:
    """Count the parameters among tensors, those of aliases once."""
    return sum(
        math.prod(entry["shape"])
        for entry in entries
        if "alias_of" not in entry and is_parameter(entry["dtype"], entry.get("role", ""))
    )


def _weights(inputs: Inputs, entries: list[dict[str, Any]]) -> dict[str, Any]:
    weights: dict[str, Any] = {"kind": "payload" if inputs.contents.payload else "tensors", "format": "safetensors"}
    if inputs.contents.payload:
        weights |= identity(entries, _payload(inputs))
        weights["payload"] = [{"role": side.role, "path": side.path} for side in inputs.contents.payload]
        if not entries:
            return {key: weights[key] for key in ("kind", "content_digest", "payload")}
    else:
        weights |= identity(entries)
    weights["groups"] = [_group(group, inputs, entries) for group in inputs.contents.groups]
    if is_apart(entries):
        weights["inventory"] = [INVENTORY]
    else:
        weights["tensors"] = entries
    return weights


def _payload(inputs: Inputs) -> list[tuple[str, str, int, str]]:
    """Return role, media type, size and digest of the files that are the model."""
    records = {record.path: record for record in inputs.files}
    kept = [(side.role, records[side.path]) for side in inputs.contents.payload]
    return [(role, record.media_type, record.size, record.digest) for role, record in kept]


def _group(group: Group, inputs: Inputs, entries: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    own = [entry for entry in entries if entry["group"] == group.id]
    plan = next(plan for plan in inputs.plans if plan.group == group.id)
    about: dict[str, Any] = {"id": group.id, "kind": group.kind, "root": group.root}
    about["files"] = [file.name for file in plan.files]
    if plan.index_name:
        about["index"] = plan.index_name
    about["tensor_count"] = len(own)
    about["parameter_count"] = _parameters(own)
    about["size"] = sum(entry.size for file in plan.files for entry in file.header.entries.values())
    return about


def _training_state(contents: Contents) -> dict[str, Any]:
    kinds = {group.kind: group.id for group in contents.groups}
    parts: dict[str, dict[str, Any]] = {}
    for name in STATE_PARTS:
        part = contents.state_parts.get(name)
        if name in kinds:
            parts[name] = {"status": "present", "group": kinds[name]}
            if part is not None and part.status == "partial":  # there are tensors, and something is missing
                parts[name] |= {"status": "partial", "reason": part.reason}
            continue
        parts[name] = {"status": part.status if part else "absent"}
        if part is None or part.status != "present":
            parts[name]["reason"] = part.reason if part and part.reason else "none was saved"
    grade = resume_grade({name: part["status"] for name, part in parts.items()})
    about: dict[str, Any] = {"resume_grade": grade, "parts": parts}
    if contents.state is not None:
        about["state_tree"] = STATE
    return about


def _security(contents: Contents) -> dict[str, Any]:
    pickles = [
        {
            "file": pickle.file,
            "member": pickle.member,
            "imports": list(pickle.imports),
            "unknown_imports": list(pickle.unknown_imports),
        }
        for pickle in contents.pickles
    ]
    return {"inert_pickle": pickles, "embedded_code": [code.to_json() for code in contents.embedded_code]}


def tool() -> dict[str, str]:
    """Return name and version of this tool, as the certificate names it."""
    return {"name": "candle-spec", "version": __version__}
