"""What is in a checkpoint, native or common, as data: what ``inspect`` and ``convert`` show."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from candle_spec import pointer
from candle_spec.checkpoint.contents import code_in_words
from candle_spec.checkpoint.wrappers import wrappers_in
from candle_spec.conversion.evaluations import in_words, later_in_words
from candle_spec.weights.dtypes import DTYPES, is_parameter

if TYPE_CHECKING:
    from candle_spec.checkpoint.checkpoint import Checkpoint
    from candle_spec.checkpoint.inventory import Tensor
    from candle_spec.conversion.contract import Native
    from candle_spec.weights.sources import TensorSource


@dataclass(frozen=True, slots=True)
class TensorLine:
    """One tensor as it is shown."""

    group: str
    name: str
    dtype: str
    shape: tuple[int, ...]
    size: int
    label: str = ""
    alias_of: str = ""
    note: str = ""
    role: str = ""


@dataclass(frozen=True, slots=True)
class GroupLine:
    """One group as it is shown."""

    id: str
    kind: str
    root: str
    tensors: int
    parameters: int
    size: int
    dtypes: tuple[str, ...]
    first: str
    last: str
    wrappers: tuple[str, ...] = ()
    """What wrappers around the network put into the names: ``module.``, ``_orig_mod.``."""


@dataclass(slots=True)
class Summary:
    """What is in a checkpoint.

    Attributes:
        path: Where it is.
        kind: ``"native"`` or ``"checkpoint"``.
        name: The model's name, or the file's.
        title: Format and framework in the field's words.
        framework: Framework's name and version.
        written: When it was written, where known.
        size: Bytes on disk.
        groups: Its groups.
        tensors: Its tensors.
        fields: What is known of model and training, by JSON Pointer of the manifest.
        parts: What was kept, dropped, is absent, with reasons.
        imports: What its pickles would have imported.
        unknown_imports: Those of them that are foreign code.
        embedded_code: Program code in it, in words.
        evaluations: Values that were measured, in words.
        later: Those that were added later, which neither seal nor signature of the manifest covers.
        use_it: Lines that say how to go on.
    """

    path: str
    kind: str
    name: str
    title: str
    framework: str
    written: str = ""
    size: int = 0
    groups: list[GroupLine] = field(default_factory=list)
    tensors: list[TensorLine] = field(default_factory=list)
    fields: dict[str, Any] = field(default_factory=dict)
    parts: list[dict[str, Any]] = field(default_factory=list)
    imports: list[str] = field(default_factory=list)
    unknown_imports: list[str] = field(default_factory=list)
    embedded_code: list[str] = field(default_factory=list)
    evaluations: list[str] = field(default_factory=list)
    later: list[str] = field(default_factory=list)
    use_it: list[str] = field(default_factory=list)

    def to_json(self) -> dict[str, Any]:
        """Return the summary as JSON values."""
        return asdict(self)


def summarize_native(native: Native) -> Summary:
    """Summarise what a converter found; no weights are read."""
    about = native.format
    lines = [_line(tensor, tensor.size, tensor.encoding.name if tensor.encoding else "") for tensor in native.tensors]
    summary = Summary(
        path=str(native.source.path),
        kind="native",
        name=native.source.path.name,
        title=about.title,
        framework=f"{about.framework} {about.framework_version}".strip(),
        written=about.written,
        size=sum(file.size for file in native.source.files),
        tensors=lines,
        groups=[_group(group.id, group.kind, group.root, lines) for group in native.groups],
        fields={found.pointer: found.value for found in native.fields},
        parts=[{key: value for key, value in _part(part).items() if value not in ("", None)} for part in native.parts],
        imports=sorted({name for pickle in native.pickles for name in pickle.imports}),
        unknown_imports=sorted({name for pickle in native.pickles for name in pickle.unknown_imports}),
        embedded_code=[code_in_words(code.to_json()) for code in native.embedded_code],
    )
    summary.use_it = [
        f"candle-spec convert {_quoted(native.source.path)}",
        "  a safe copy with a manifest; the file comes back byte for byte",
        *_about_names(summary.groups),
    ]
    return summary


def _line(tensor: TensorSource | Tensor, size: int, note: str) -> TensorLine:
    return TensorLine(
        group=tensor.group,
        name=tensor.name,
        dtype=tensor.dtype,
        shape=tensor.shape,
        size=size,
        label=tensor.label,
        alias_of="/".join(tensor.alias_of) if tensor.alias_of else "",
        note=note,
        role=tensor.role,
    )


def _part(part: Any) -> dict[str, Any]:
    return {key: getattr(part, key) for key in ("what", "status", "reason", "count", "size")}


def summarize_checkpoint(checkpoint: Checkpoint) -> Summary:
    """Summarise a checkpoint from its manifest; no weights are read."""
    manifest = checkpoint.document
    framework = manifest["model"]["framework"]
    lines = [
        _line(tensor, 0 if tensor.alias_of else _stored_size(tensor.arrays.values()), tensor.encoding)
        for tensor in checkpoint.tensors
    ]
    conversion = manifest.get("conversion", {})
    pickles = pointer.get(manifest, "/security/inert_pickle", [])
    rows = manifest["weights"].get("groups", [])
    groups = [_group(row["id"], row["kind"], row.get("root", ""), lines) for row in rows]
    return Summary(
        path=str(checkpoint.path),
        kind="checkpoint",
        name=checkpoint.name,
        title=f"checkpoint {checkpoint.as_written['schema_version']}"
        + (f" that requires {', '.join(manifest['requires'])}" if manifest.get("requires") else "")
        + (f", converted from a {conversion['native']['title']}" if conversion else ""),
        framework=f"{framework['name']} {framework.get('version', '')}".strip(),
        written=pointer.get(manifest, "/conversion/native/written", "") or pointer.get(manifest, "/dates/created", ""),
        size=sum(file["size"] for file in manifest["files"]),
        tensors=lines,
        groups=groups,
        fields=_fields(manifest),
        parts=list(conversion.get("parts", [])),
        imports=sorted({name for pickle in pickles for name in pickle["imports"]}),
        unknown_imports=sorted({name for pickle in pickles for name in pickle["unknown_imports"]}),
        embedded_code=[code_in_words(entry) for entry in pointer.get(manifest, "/security/embedded_code", [])],
        evaluations=[in_words(row) for row in manifest.get("evaluations", ())],
        later=later_in_words(checkpoint),
        use_it=use_it(checkpoint, groups),
    )


def _stored_size(arrays: Iterable[Any]) -> int:
    return sum(math.prod(array.shape) * DTYPES[array.dtype].bits // 8 for array in arrays if array.dtype in DTYPES)


def _fields(manifest: Mapping[str, Any]) -> dict[str, Any]:
    """The fields that have a source: what was found out, not what the format itself writes."""
    pointers = [entry["pointer"] for entry in manifest.get("field_sources", [])]
    return {at: pointer.get(manifest, at) for at in pointers}


def _group(group: str, kind: str, root: str, tensors: Sequence[TensorLine]) -> GroupLine:
    own = [line for line in tensors if line.group == group]
    stored = [line for line in own if not line.alias_of]
    names = [line.label or line.name for line in own]
    return GroupLine(
        id=group,
        kind=kind,
        root=root,
        tensors=len(own),
        parameters=sum(math.prod(line.shape) for line in stored if is_parameter(line.dtype, line.role)),
        size=sum(line.size for line in stored),
        dtypes=tuple(name for name, _ in Counter(line.dtype for line in own).most_common()),
        first=names[0] if names else "",
        last=names[-1] if names else "",
        wrappers=tuple(wrappers_in([line.name for line in own])) if kind in ("model", "ema", "adapter") else (),
    )


def use_it(checkpoint: Checkpoint, groups: Sequence[GroupLine]) -> list[str]:
    """Return the lines that say how to go on with a checkpoint of these groups: Python, restore, what runs it."""
    framework = checkpoint.document["model"]["framework"]["name"]
    path = _quoted(checkpoint.path)
    kind = "torch tensors, or numpy without torch" if framework == "pytorch" else "numpy arrays, no framework needed"
    lines = ["import candle_spec", f"checkpoint = candle_spec.load({str(_shown(checkpoint.path))!r})"]
    payload = checkpoint.document["weights"].get("payload", [])
    if payload:
        lines.append(f"model = checkpoint.file({payload[0]['path']!r})        # the model as its framework loads it")
    else:
        lines += _weights_lines(groups, kind)
    if pointer.get(checkpoint.document, "/conversion/restore/byte_exact") == "proven":
        lines.append(f"candle-spec restore {path}        # the native file again, byte for byte")
    lines.append(_to_run(checkpoint, framework))
    return lines


def _weights_lines(groups: Sequence[GroupLine], kind: str) -> Iterator[str]:
    """Yield how the weights are loaded; no group has to be named where there is one called ``model``."""
    first = next((group for group in groups if group.kind == "model"), groups[0] if groups else None)
    named = "" if first is None or first.id == "model" else repr(first.id)
    yield f"weights = checkpoint.state_dict({named})        # {kind}"
    for group in groups:
        if group.kind == "ema":
            yield f"average = checkpoint.state_dict({group.id!r})        # the running average of the weights"
    yield from _about_names(groups)


def _about_names(groups: Iterable[GroupLine]) -> Iterator[str]:
    """Yield a line for each group whose names are not those of the bare network."""
    for group in groups:
        if group.wrappers:
            found, named = " and ".join(map(repr, group.wrappers)), "" if group.id == "model" else f"{group.id!r}, "
            yield f"  {found} in the names of {group.id} is a wrapper's: state_dict({named}strip=True) takes it off"


_PIP: Final = {"pytorch": "torch", "keras": "tensorflow", "scikit-learn": "scikit-learn=={version}", "unknown": ""}
"""Packages whose name is not that of the framework; scikit-learn reads only what its own version wrote."""


_LIBRARIES: Final = ("sentence-transformers", "diffusers", "transformers")
_RESTORED: Final = "; then load the restored file"


def _to_run(checkpoint: Checkpoint, framework: str) -> str:
    """Say what is missing to run the model, with the install line."""
    version = checkpoint.document["model"]["framework"].get("version", "")
    pip = _PIP.get(framework, framework).format(version=version).removesuffix("==")
    code = pointer.get(checkpoint.document, "/security/embedded_code", [])
    topology = pointer.get(checkpoint.document, "/model/topology", [])
    built = pointer.get(checkpoint.document, "/model/implementation/callable")
    if not pip:
        return "to run it: its framework is not known from the file"
    line = f"to run it: pip install {pip}" + (f"   (written with {framework} {version})" if version else "")
    if built:
        return line + "; then checkpoint.build(trust_code=True)"
    if framework not in ("pytorch", "keras"):
        return line + ("; look at what it would run, then load the restored file" if code else _RESTORED)
    library = _library(checkpoint)
    if library:
        return f"to run it: pip install {pip} {library}; then from_pretrained of the restored folder"
    if not topology and framework == "pytorch":
        return line + "; the network's Python code is not in the file: ask its authors, then load_state_dict(weights)"
    if not topology:
        return line + "; the architecture is not in the file: name it with --topology"
    return line + ("; it also needs code of its authors" if code else _RESTORED)


def _library(checkpoint: Checkpoint) -> str:
    """Return the package of Hugging Face whose code makes the network, with the version that its folder names."""
    if pointer.get(checkpoint.document, "/conversion/native/format") != "huggingface":
        return ""
    packages = pointer.get(checkpoint.document, "/environment/packages", {})
    return next((f"{name}=={packages[name]}" for name in _LIBRARIES if name in packages), "")


def _shown(path: Path) -> Path:
    """The path as one would type it from here."""
    try:
        return path.relative_to(Path.cwd())
    except ValueError:
        return path


def _quoted(path: Path) -> str:
    import shlex

    return shlex.quote(str(_shown(path)))
