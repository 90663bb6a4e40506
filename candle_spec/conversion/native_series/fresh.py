"""A native file of a checkpoint that a training saved: there never was one, so it is made from the common format.

PyTorch: what ``torch.save`` of the whole state gives, which ``torch.load(weights_only=True)`` reads. Keras:
``.weights.h5`` for ``model.load_weights``, or ``.keras`` where the model described itself. Boosters: the model file.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from candle_spec.atomic import Fs
from candle_spec.checkpoint.checkpoint import Checkpoint
from candle_spec.conversion import registry
from candle_spec.conversion.contract import Rebuild
from candle_spec.conversion.restore import RestoredFile, publish, refuse_existing, sync_made
from candle_spec.digests import digest_file
from candle_spec.errors import InvalidInputError, UnsupportedFormatError
from candle_spec.names import from_json
from candle_spec.weights import state_tree
from candle_spec.weights.dtypes import DTYPES

_CONFIG: Final = "topology/config.json"
_KERAS_GROUPS: Final = ("model", "optimizer", "metric")

Tree = dict[str, Any]


def write_native(
    checkpoint: Checkpoint, output: str | Path, *, overwrite: bool = False, fs: Fs | None = None
) -> RestoredFile:
    """Write a native file of a checkpoint.

    Args:
        checkpoint: The checkpoint, of a training.
        output: The file; of Keras, its name says which kind: ``.weights.h5`` or ``.keras``.
        overwrite: Whether an existing file is replaced.
        fs: The file system; replaced by tests.

    Raises:
        OutputExistsError: The output exists.
        InvalidInputError: The output has the name of another kind of file.
        UnsupportedFormatError: The framework has no file of its own, or none that can be made of this state.
        MissingDependencyError: The framework's file needs the framework.
    """
    fs = fs or Fs()
    target = Path(output).absolute()
    write = _writer(checkpoint, target)
    refuse_existing(target, overwrite=overwrite)

    def durably(path: Path) -> None:
        write(path)
        sync_made(path, fs)

    publish(target, durably, overwrite=overwrite, fs=fs)
    return RestoredFile(target, target.stat().st_size, digest_file(target), byte_exact=False)


def _writer(checkpoint: Checkpoint, target: Path) -> Callable[[Path], None]:
    manifest = checkpoint.document
    framework = manifest["model"]["framework"]["name"]
    payload = manifest["weights"].get("payload", [])
    if len(payload) == 1:
        return lambda path: _copy(checkpoint, payload[0]["path"], path)
    if framework == "pytorch":
        return lambda path: _rebuild(checkpoint, "pytorch", "zip", _torch_tree(checkpoint), path)
    if framework == "keras":
        return _keras(checkpoint, target)
    raise UnsupportedFormatError(
        f"{framework} has no file format of its own that could be written here",
        location=str(checkpoint.path),
        hint="candle_spec.load(path).state() gives the whole state, and the weights load as safetensors as they are: "
        + ", ".join(str(checkpoint.file(row["path"])) for row in manifest["files"] if row["role"] == "weights"),
    )


def _copy(checkpoint: Checkpoint, name: str, path: Path) -> None:
    path.write_bytes(checkpoint.read_file(name))


def _rebuild(checkpoint: Checkpoint, converter: str, variant: str, state: Tree, path: Path) -> None:
    """Let the converter of the format write it, as it does for a checkpoint that was converted."""
    rebuild: Rebuild = registry.named(converter).rebuild  # type: ignore[union-attr]
    native = {"format": converter, "variant": variant, "files": []}
    manifest: Mapping[str, Any] = {**checkpoint.document, "conversion": {"native": native}}
    load = checkpoint.loader()
    rebuild(manifest=manifest, state=state, read_file=checkpoint.read_file, tensor=load, target=path)


def _torch_tree(checkpoint: Checkpoint) -> Tree:
    """The saved state, with the groups that it does not name under their ids; of weights alone, the state dict."""
    if checkpoint.state_tree is None:
        return _group_tree(checkpoint, "model")
    named = set(_named(checkpoint.state_tree))
    unnamed = dict.fromkeys(t.group for t in checkpoint.tensors if (t.group, t.name) not in named)
    rows = [*checkpoint.state_tree["$dict"], *([group, _group_tree(checkpoint, group)] for group in unnamed)]
    return {**checkpoint.state_tree, "$dict": rows}


def _group_tree(checkpoint: Checkpoint, group: str) -> Tree:
    names = [tensor.name for tensor in checkpoint.tensors if tensor.group == group]
    return state_tree.mapping([(name, state_tree.tensor(group, name)) for name in names])


def _named(tree: Any) -> Iterator[tuple[str, str]]:
    """Yield group and name of every tensor that a state tree refers to."""
    waiting = [tree]
    while waiting:
        node = waiting.pop()
        if isinstance(node, dict) and "$tensor" in node:
            group, name = node["$tensor"]
            yield group, from_json(name)
        elif isinstance(node, (dict, list)):
            waiting += node.values() if isinstance(node, dict) else node


def _keras(checkpoint: Checkpoint, target: Path) -> Callable[[Path], None]:
    described = any(row["path"] == _CONFIG for row in checkpoint.document["files"])
    if target.name.endswith(".weights.h5"):
        return lambda path: _rebuild(_undescribed(checkpoint), "keras", "legacy-h5", _keras_tree(checkpoint), path)
    if target.suffix == ".keras" and described:
        return lambda path: _rebuild(checkpoint, "keras", "keras-zip", _keras_tree(checkpoint), path)
    why = "the model gave no description of itself" if target.suffix == ".keras" else f"{target.name} is none of them"
    kinds = "model.weights.h5 for model.load_weights" + ("; model.keras for the whole model" if described else "")
    raise InvalidInputError(f"Keras knows a file by its name: {why}", location=str(target), hint=kinds)


def _undescribed(checkpoint: Checkpoint) -> Checkpoint:
    """The checkpoint without its architecture: a file of weights holds none."""
    bare = Checkpoint(checkpoint.path)
    files = [row for row in checkpoint.document["files"] if row["path"] != _CONFIG]
    bare.document = {**checkpoint.document, "files": files}
    return bare


def _keras_tree(checkpoint: Checkpoint) -> Tree:
    """The groups of a ``.weights.h5``: a variable stands under its owner's path, ``vars`` and its number."""
    roots = {
        group["id"]: group.get("root", "").strip("/") for group in checkpoint.document["weights"].get("groups", [])
    }
    root: Tree = {"vars": {}}  # tf_keras looks for the model's own variables, of which there are none
    for tensor in checkpoint.tensors:
        if tensor.group not in _KERAS_GROUPS:
            continue
        kind = DTYPES[tensor.dtype].numpy
        if tensor.encoding or kind not in _PLAIN:
            raise UnsupportedFormatError(f"{tensor.name}: {tensor.dtype} is no dtype of HDF5", hint="save as float32")
        node, place = root, [*filter(None, roots[tensor.group].split("/")), *tensor.name.split("/")]
        for key in place[:-1]:
            node = node.setdefault(key, {})
        node[place[-1]] = state_tree.tensor(tensor.group, tensor.name, hdf5={"dtype": kind})
    return _groups(root)


_PLAIN: Final = frozenset(
    f"{kind}{bits}" for kind, sizes in (("int", (8, 16, 32, 64)), ("float", (16, 32, 64))) for bits in sizes
) | frozenset(f"uint{bits}" for bits in (8, 16, 32, 64))


def _groups(node: Tree) -> Tree:
    rows = [(name, inner if "$tensor" in inner else _groups(inner)) for name, inner in node.items()]
    return state_tree.mapping(rows, **{"class": "hdf5.Group"})
