"""PyTorch: files of ``torch.save``, ``torch.jit.save`` and Lightning, read without torch.

Formats: zip (torch >= 1.6), legacy stream (before, or asked for), TorchScript, whole pickled modules; the layouts are
described in ``_pytorch_files``. Kept: every tensor under its native name (dotted path of keys), aliases, views,
strides and flags; the whole structure with integer keys, tuples and foreign objects in the state tree; TorchScript's
sources. Nothing that a file names is imported or called.

Not in the state tree, only in the native bytes: TorchScript's debug records. Refused: ``.pt2`` (torch.export), tar
files of torch before 0.2, tensors without bytes of their own (nested, wrapped, foreign devices).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from candle_spec.conversion.contract import (
    Card,
    Detection,
    Field,
    Group,
    Native,
    NativeFormat,
    Part,
    SideFile,
    Source,
)
from candle_spec.conversion.meaning import infer_name
from candle_spec.converters import _pytorch_files as files
from candle_spec.converters._pickle_imports import inert_pickle
from candle_spec.converters._pytorch_meaning import Structure, structure_of
from candle_spec.converters._pytorch_rebuild import rebuild
from candle_spec.converters._pytorch_walk import Walk
from candle_spec.errors import UnsupportedFormatError
from candle_spec.readers.torch_objects import TorchObjects
from candle_spec.readers.zip_archive import entry_names

_TITLES: Final = {
    "zip": "PyTorch zip archive",
    "legacy-stream": "PyTorch legacy stream",
    "torchscript": "TorchScript archive",
    "export": "PyTorch export archive (.pt2)",
    "tar": "PyTorch tar archive (before torch 0.2)",
}


class PyTorch:
    """The converter of PyTorch files."""

    name = "pytorch"
    title = "PyTorch (state dicts, checkpoints, Lightning, modules, TorchScript)"
    suffixes: Sequence[str] = (".pt", ".pth", ".ckpt", ".bin", ".pkl", ".jit")
    card = Card(
        family="PyTorch",
        kept="all tensors with names, aliases, strides and flags; the whole structure, optimizer and hyperparameters",
        not_kept="Python code of pickled modules; debug records of TorchScript. Refused: tar files of torch < 0.2",
        restore="byte for byte without torch; state dicts also rebuilt, with torch",
    )
    rebuild = staticmethod(rebuild)

    def detect(self, source: Source) -> Detection | None:
        """Recognise a PyTorch file by its first bytes and, for a zip archive, the names in it."""
        variant = _variant(source)
        return Detection(90 if variant not in ("export", "tar") else 40, _TITLES[variant]) if variant else None

    def read(self, source: Source) -> Native:
        """Read the structure; see :class:`candle_spec.conversion.contract.Converter`."""
        variant = _variant(source)
        path = source.files[0].path
        if variant not in ("zip", "legacy-stream", "torchscript"):
            hint = "save it again with torch.save(model.state_dict(), …)"
            raise UnsupportedFormatError(
                f"this is a {_TITLES.get(variant, 'file')}, which is not read", location=str(path), hint=hint
            )
        file = files.read_legacy(path) if variant == "legacy-stream" else files.read_zip(path)
        return _native(source, file)


def _variant(source: Source) -> str:
    if len(source.files) != 1:
        return ""
    path = source.files[0].path
    with path.open("rb") as opened:
        head = opened.read(512)
    if files.is_legacy(head):
        return "legacy-stream"
    if head[257:262] == b"ustar" and head.startswith((b"sys_info", b"./sys_info")):
        return "tar"
    return _zip_variant(source) if head.startswith(b"PK\x03\x04") else ""


def _zip_variant(source: Source) -> str:
    """Names decide; whether the archive is sound is seen when it is read."""
    names = entry_names(source.files[0].path)
    if names is None:
        # A cut-off archive has no directory; torch's own first entry still tells what it was.
        with source.files[0].path.open("rb") as opened:
            return "zip" if b"/data.pkl" in opened.read(256) else ""
    if any(name.rpartition("/")[2] == "archive_format" for name in names):
        return "export"
    roots = [name for name in names if name.rpartition("/")[2] == "data.pkl" and name.count("/") <= 1]
    if not roots:
        return ""
    return "torchscript" if roots[0].removesuffix("data.pkl") + "constants.pkl" in names else "zip"


def _native(source: Source, file: files.TorchFile) -> Native:
    main = file.records[0]
    objects = TorchObjects(main.storage_of, f"{source.path.name}: {main.member}")
    structure = structure_of(main.loaded.value, objects, script=file.variant == "torchscript")
    walk = Walk(objects, structure.group_of)
    state = walk.tree(main.loaded.value)
    tensors = list(walk.tensors)
    if len(file.records) > 1:
        tensors += _constants(source, file)
    used = {tensor.group for tensor in tensors}
    groups = [group for group in structure.groups if group.id in used]
    known = {group.id for group in groups}
    groups += [Group(name, name.partition(".")[0]) for name in sorted(used - known)]
    native = Native(
        _format(file, structure),
        source,
        groups=groups,
        tensors=tensors,
        state=state,
        fields=[infer_name(source, structure.names), *structure.fields],
        parts=_parts(groups, tensors, structure, file),
        pickles=[
            inert_pickle(source.files[0].name, records.member, records.loaded.globals) for records in file.records
        ],
        checks=file.checks,
        weights_metadata={"format": "pt"},
    )
    _add_code(native, file)
    return native


def _constants(source: Source, file: files.TorchFile) -> list[Any]:
    """Tensors that a TorchScript program holds as constants."""
    records = file.records[1]
    walk = Walk(
        TorchObjects(records.storage_of, f"{source.path.name}: {records.member}"), lambda path: ("other.constants", 0)
    )
    walk.tree(records.loaded.value)
    return walk.tensors


def _format(file: files.TorchFile, structure: Structure) -> NativeFormat:
    variant = "module" if structure.is_module and file.variant != "torchscript" else file.variant
    title = _TITLES[file.variant] + (" of a whole module" if variant == "module" else "") + structure.title
    return NativeFormat(
        "pytorch", variant, title, "pytorch", written=file.written, evidence=(*file.evidence, *structure.evidence)
    )


def _parts(groups: list[Group], tensors: list[Any], structure: Structure, file: files.TorchFile) -> list[Part]:
    parts: list[Part] = []
    for group in groups:
        own = [tensor for tensor in tensors if tensor.group == group.id]
        size = sum(part.data.size for tensor in own for part in tensor.parts.values())
        what = group.kind if group.id == group.kind else group.id
        parts.append(Part(what, "kept", count=len(own), size=size))
    named = {part.what.partition(".")[0] for part in parts}
    parts += [part for part in structure.parts if part.what not in named]
    if "optimizer" not in named | {part.what for part in structure.parts}:
        parts.append(Part("optimizer", "absent", "the file holds no optimizer state"))
    if file.variant == "torchscript":
        parts.append(Part("topology", "kept", "TorchScript sources", count=len(file.code)))
        parts.append(Part("debug records", "residue", "TorchScript's *.debug_pkl are kept only in the native bytes"))
    elif structure.is_module:
        parts.append(Part("topology", "residue", "a pickled module names its classes; their code is not in the file"))
    else:
        parts.append(Part("topology", "absent", "the network's Python code is not in the file"))
    return parts


def _add_code(native: Native, file: files.TorchFile) -> None:
    """Put TorchScript's sources beside the weights, and say where program code is."""
    for name, data in sorted(file.code.items()):
        native.side_files.append(SideFile(f"topology/{name}", data, "text/x-python", "topology"))
    if file.code:
        native.fields.append(
            Field(
                "/model/topology",
                [{"kind": "torchscript", "path": f"topology/{name}"} for name in sorted(file.code)],
                "file",
                "code/",
            )
        )
        native.embedded_code.append(f"TorchScript program: {len(file.code)} source files, run by torch.jit.load")
    if any("reduce_graph_module" in name for pickle in native.pickles for name in pickle.imports):
        native.embedded_code.append("fx.GraphModule: Python source in the pickle, compiled when it is loaded")


CONVERTER = PyTorch()
