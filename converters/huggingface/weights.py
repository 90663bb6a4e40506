"""Which files of a Hugging Face folder are the weights: of each component one format, the safest first.

A folder often holds one model several times, for several frameworks: ``model.safetensors``, ``pytorch_model.bin``,
``tf_model.h5``, ``onnx/model.onnx``. One is converted. A component is the folder itself, and each folder below that
``model_index.json`` (diffusers) or ``modules.json`` (sentence-transformers) names.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final

from candle_spec.conversion.contract import NativeFile, Source
from candle_spec.converters._shared.documents import mapping, read_json, read_quietly, sequence
from candle_spec.converters._shared.safetensors.files import shards
from candle_spec.converters._shared.source_files import file_named
from candle_spec.errors import CandleSpecError, InvalidInputError

_KINDS: Final[tuple[tuple[str, re.Pattern[str]], ...]] = (
    ("safetensors", re.compile(r".*\.safetensors(\.index(\.[^.]+)?\.json)?")),
    (
        "pytorch",
        re.compile(r"(pytorch_model|diffusion_pytorch_model|adapter_model|model)[^/]*\.(bin|bin\.index\.json|pt)"),
    ),
    ("flax", re.compile(r"(flax_model|diffusion_flax_model)[^/]*\.msgpack(\.index\.json)?")),
    ("tensorflow", re.compile(r"tf_model[^/]*\.h5(\.index\.json)?")),
    ("onnx", re.compile(r".*\.onnx(_data)?")),
    ("other", re.compile(r".*\.(gguf|ot|tflite|mlmodel|ckpt|xml|bin)")),
)
_NOT_WEIGHTS: Final = frozenset({"training_args.bin"})
_MAIN: Final = ("model", "diffusion_pytorch_model", "pytorch_model", "adapter_model", "tf_model", "flax_model")
_EXPORTS: Final = frozenset({"onnx", "openvino", "coreml", "tflite", "tf", "flax", "gguf", "rust"})
"""Folders that hold the model again for another runtime."""


@dataclass(slots=True)
class Weights:
    """Files that hold a model once: one file, or shards with their index."""

    kind: str
    stem: str
    files: list[NativeFile]
    index: NativeFile | None = None

    @property
    def rank(self) -> tuple[int, int, str]:
        """The order of preference: kind, then the usual name, then the name."""
        kinds = [kind for kind, _ in _KINDS]
        return kinds.index(self.kind), _MAIN.index(self.stem) if self.stem in _MAIN else len(_MAIN), self.stem

    @property
    def all_files(self) -> list[NativeFile]:
        """The files with their index."""
        return [*self.files, *([self.index] if self.index else [])]


@dataclass(slots=True)
class Component:
    """A part of the model with weights of its own: its folder (``""`` for the root), what is taken, what is not."""

    folder: str
    taken: Weights
    others: list[Weights] = field(default_factory=list)


def kind_of(file: NativeFile) -> str:
    """Return the format of a weights file, ``""`` for other files."""
    name = file.name.rpartition("/")[2]
    if name in _NOT_WEIGHTS:
        return ""
    return next((kind for kind, pattern in _KINDS if pattern.fullmatch(name)), "")


def weights_in(files: Sequence[NativeFile], folder: str) -> list[Weights]:
    """Return the sets of weights of one folder, the preferred one first."""
    prefix = f"{folder}/" if folder else ""
    here = [file for file in files if file.name.startswith(prefix) and "/" not in file.name.removeprefix(prefix)]
    indexes = [file for file in here if kind_of(file) and file.name.endswith(".json")]
    found: list[Weights] = []
    sharded: set[str] = set()
    for index in indexes:
        own = shards(index, files)
        sharded |= {file.name for file in own}
        found.append(Weights(kind_of(index), _stem(index), own, index))
    for file in here:
        if kind_of(file) and file not in indexes and file.name not in sharded:
            found.append(Weights(kind_of(file), _stem(file), [file]))
    return sorted(found, key=lambda weights: weights.rank)


def _stem(file: NativeFile) -> str:
    """``model`` of ``model.safetensors``, ``model.fp16`` of ``model.fp16.safetensors``."""
    name = re.sub(r"\.index(\.([^.]+))?\.json\Z", r".\2", file.name.rpartition("/")[2])
    return re.sub(r"\.(safetensors|bin|pt|msgpack|h5|onnx|onnx_data|gguf|ot)(?=\.|\Z)", "", name).rstrip(".")


def components(source: Source, named: Iterable[str]) -> list[Component]:
    """Return the components of a folder.

    Args:
        source: The folder.
        named: Folders below it that its description names as parts of the model.

    Raises:
        InvalidInputError: It holds several models.
        CorruptFileError: An index is none.
    """
    folders = sorted({file.name.rpartition("/")[0] for file in source.files if kind_of(file)})
    found: list[Component] = []
    for folder in folders:
        sets = weights_in(source.files, folder)
        if not sets or folder.rpartition("/")[2] in _EXPORTS:
            continue
        found.append(Component(folder, sets[0], sets[1:]))
    root = [each for each in found if not each.folder]
    wanted = set(named)
    parts = [each for each in found if each.folder and _below(each.folder, wanted)]
    apart = [
        each for each in found if each.folder and each not in parts and each.taken.kind in ("safetensors", "pytorch")
    ]
    if apart and (root or parts or len(apart) > 1):
        raise _several(source, [*root, *apart])
    chosen = [*root, *parts] or apart
    for component in chosen:
        _check_alone(source, component)
    return chosen


def _below(folder: str, named: set[str]) -> bool:
    return any(folder == name or folder.startswith(f"{name}/") for name in named)


def _several(source: Source, found: Sequence[Component]) -> InvalidInputError:
    names = ", ".join(each.folder or each.taken.files[0].name for each in found[:8]) + (", …" if len(found) > 8 else "")
    return InvalidInputError(
        f"{len(found)} checkpoints lie here: {names}", location=str(source.path), hint="name one, or add --recursive"
    )


def _check_alone(source: Source, component: Component) -> None:
    """Refuse files of one kind of which none has the usual name: nobody can tell which is the model."""
    same = [each for each in component.others if each.kind == component.taken.kind]
    if same and component.taken.stem not in _MAIN and not _variants(component.taken, same):
        names = ", ".join(each.files[0].name for each in [component.taken, *same][:8])
        message = f"{len(same) + 1} models lie here, none with the usual name: {names}"
        raise InvalidInputError(message, location=str(source.path), hint="name one of the files, or add --recursive")


def _variants(taken: Weights, others: Sequence[Weights]) -> bool:
    return all(each.stem.startswith(f"{taken.stem}.") for each in others)


def is_several(source: Source, named: Iterable[str]) -> bool:
    """Whether a folder holds several models."""
    try:
        components(source, named)
    except InvalidInputError:
        return True
    except CandleSpecError:
        return False
    return False


def named_folders(source: Source) -> list[str]:
    """Return the folders that ``model_index.json`` or ``modules.json`` name as parts of the model."""
    found: list[str] = []
    index = file_named(source, "model_index.json")
    if index is not None:
        rows = mapping(read_quietly(index, read_json)).items()
        found += [key for key, value in rows if isinstance(value, list) and not key.startswith("_")]
    modules = file_named(source, "modules.json")
    if modules is not None:
        parts = [mapping(row) for row in sequence(read_quietly(modules, read_json))]
        found += [row["path"] for row in parts if isinstance(row.get("path"), str) and row["path"]]
    return found
