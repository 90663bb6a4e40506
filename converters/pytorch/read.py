"""A PyTorch file as a checkpoint: its pickles are read, none is run, and one walk finds structure and tensors."""

from __future__ import annotations

from contextlib import ExitStack
from functools import partial

from candle_spec.conversion.contract import EmbeddedCode, Field, Group, Native, NativeFormat, Part, SideFile, Source
from candle_spec.conversion.meaning import infer_name
from candle_spec.converters._shared.pickle.files import temporary_folder
from candle_spec.converters._shared.pickle.imports import imports_of
from candle_spec.converters._shared.torch.files import TorchFile, read_legacy, read_zip
from candle_spec.converters._shared.torch.script import declared
from candle_spec.converters._shared.torch.structure import Structure, structure_of
from candle_spec.converters._shared.torch.walk import Walk
from candle_spec.converters.pytorch import TITLES
from candle_spec.converters.pytorch.detect import variant_of
from candle_spec.errors import UnsupportedFormatError
from candle_spec.readers.torch_objects import TorchObjects
from candle_spec.weights.sources import TensorSource, total_size


def read(source: Source) -> Native:
    """Read the structure; see :class:`candle_spec.conversion.contract.Converter`."""
    variant = variant_of(source)
    path = source.files[0].path
    if variant not in ("zip", "legacy-stream", "torchscript"):
        hint = "save it again with torch.save(model.state_dict(), …)"
        raise UnsupportedFormatError(
            f"this is a {TITLES.get(variant, 'file')}, which is not read", location=str(path), hint=hint
        )
    with ExitStack() as resources:
        unpacked = partial(temporary_folder, resources)
        file = read_legacy(path) if variant == "legacy-stream" else read_zip(path, unpacked=unpacked)
        native = _native(source, file)
        native.resources.push(resources.pop_all())
    return native


def _native(source: Source, file: TorchFile) -> Native:
    main = file.pickles[0]
    objects = TorchObjects(main.storage_of, f"{source.path.name}: {main.member}")
    structure = structure_of(main.loaded.value, objects, script=file.variant == "torchscript")
    walk = Walk(objects, structure.group_of, declared(file.code))
    state = walk.tree(main.loaded.value)
    _refuse_pieces(source, walk.pieces)
    tensors = list(walk.tensors)
    if len(file.pickles) > 1:
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
        side_files=structure.side_files,
        fields=[infer_name(source, structure.names), *structure.fields],
        parts=_parts(groups, tensors, structure, file),
        pickles=[imports_of(source.files[0].name, each.member, each.loaded.globals) for each in file.pickles],
        checks=file.checks,
        weights_metadata={"format": "pt"},
    )
    _add_code(native, file)
    return native


def _refuse_pieces(source: Source, pieces: list[tuple[str, str]]) -> None:
    """Refuse what one process of several held of larger tensors: a part of a model is no model."""
    if not pieces:
        return
    name, how_much = pieces[0]
    what = f"{len(pieces)} tensors are" if len(pieces) > 1 else "1 tensor is"
    raise UnsupportedFormatError(
        f"{what} only what one process of several held of a larger one ({name!r}: {how_much})"[:1900],
        location=str(source.path),
        hint="save the whole: get_model_state_dict(model, options=StateDictOptions(full_state_dict=True))",
    )


def _constants(source: Source, file: TorchFile) -> list[TensorSource]:
    """Tensors that a TorchScript program holds as constants."""
    constants = file.pickles[1]
    objects = TorchObjects(constants.storage_of, f"{source.path.name}: {constants.member}")
    walk = Walk(objects, lambda path: ("other.constants", 0))
    walk.tree(constants.loaded.value)
    return walk.tensors


def _format(file: TorchFile, structure: Structure) -> NativeFormat:
    variant = "module" if structure.is_module and file.variant != "torchscript" else file.variant
    title = TITLES[file.variant] + (" of a whole module" if variant == "module" else "") + structure.title
    return NativeFormat(
        "pytorch", variant, title, "pytorch", written=file.written, evidence=(*file.evidence, *structure.evidence)
    )


def _parts(groups: list[Group], tensors: list[TensorSource], structure: Structure, file: TorchFile) -> list[Part]:
    parts: list[Part] = []
    for group in groups:
        own = [tensor for tensor in tensors if tensor.group == group.id]
        size = total_size(own)
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


def _add_code(native: Native, file: TorchFile) -> None:
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
        native.embedded_code += (
            EmbeddedCode("torchscript", "run by torch.jit.load", f"topology/{name}") for name in sorted(file.code)
        )
    if any("reduce_graph_module" in name for pickle in native.pickles for name in pickle.imports):
        said = "fx.GraphModule: Python source in the pickle, compiled when it is loaded"
        native.embedded_code.append(EmbeddedCode("graph-module", said))
