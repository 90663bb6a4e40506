"""The structure of an HDF5 file as a state tree, and a fresh HDF5 file from such a tree.

Groups are mappings, datasets references to tensors, attributes keep their type. What the state tree has no tag for is
an inert object named ``hdf5.…``: ``hdf5.string`` (text of another charset than UTF-8), ``hdf5.strings`` (an array of
text), ``hdf5.file`` (text that stands in a file of the checkpoint), ``hdf5.empty``, ``hdf5.link`` (a second name),
``hdf5.type`` and ``hdf5.unread``.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Final

from candle_spec.errors import CorruptFileError, LimitExceededError
from candle_spec.readers.hdf5 import Attribute, Dataset, Group, NamedType
from candle_spec.weights import state_tree
from candle_spec.weights.sources import TensorSource

if TYPE_CHECKING:
    import h5py

_DEPTH: Final = 36
"""Nesting of groups: each makes three levels of JSON, of which documents may have 128."""

ReadFile = Callable[[str], bytes]
Tensor = Callable[[str, str], Any]


def group_tree(group: Group, tensors: Mapping[str, TensorSource], files: Mapping[tuple[str, str], str]) -> Any:
    """Return the tree of a group.

    Args:
        group: The group.
        tensors: The tensor of each dataset by its path.
        files: Attributes that stand in a file of the checkpoint: its path, by path of the group and name.
    """
    return _group(group, tensors, files, 0)


def _group(
    group: Group, tensors: Mapping[str, TensorSource], files: Mapping[tuple[str, str], str], depth: int
) -> dict[str, Any]:
    if depth > _DEPTH:
        raise LimitExceededError(f"groups are nested more than {_DEPTH} deep", location=group.path[:80])
    members: list[tuple[str, Any]] = []
    for name, node in group.members.items():
        if isinstance(node, Group):
            members.append((name, _group(node, tensors, files, depth + 1)))
        elif isinstance(node, Dataset):
            members.append((name, _dataset(node, tensors)))
        else:
            members.append((name, _type(node)))
    return state_tree.mapping(members, **{"class": "hdf5.Group"}, **_attributes(group, files))


def _type(node: NamedType) -> dict[str, Any]:
    return {"$object": "hdf5.type", "args": [node.description]}


def _attributes(node: Group | Dataset, files: Mapping[tuple[str, str], str]) -> dict[str, Any]:
    if not node.attributes:
        return {}
    pairs = [
        (name, _attribute(attribute, files.get((node.path, name), ""))) for name, attribute in node.attributes.items()
    ]
    return {"attributes": state_tree.mapping(pairs)}


def _attribute(attribute: Attribute, file: str) -> Any:
    if file:
        return {"$object": "hdf5.file", "args": [file, _type_of(attribute)]}
    if attribute.kind == "text":
        text = state_tree.encode_scalar(str(attribute.value))
        return text if attribute.charset == "utf-8" else {"$object": "hdf5.string", "args": [text, attribute.charset]}
    if attribute.kind == "texts":
        items = [state_tree.encode_scalar(text) for text in attribute.texts or []]
        return {"$object": "hdf5.strings", "args": [list(attribute.value.shape), items, attribute.charset]}
    if attribute.kind == "numpy":
        return _array(attribute)
    return {"$object": f"hdf5.{attribute.kind}", "args": [attribute.value]}


def _type_of(attribute: Attribute) -> str:
    """``utf-8``, ``ascii`` for text of variable length, else NumPy's name of the fixed string."""
    return attribute.charset if attribute.kind == "text" else str(attribute.value.dtype.str)


def _array(attribute: Attribute) -> dict[str, Any]:
    value = attribute.value
    if value.ndim == 0:
        return state_tree.numpy_scalar(value.dtype.str, value.tobytes())
    raw = base64.b64encode(value.tobytes()).decode("ascii")
    args = [list(value.shape), value.dtype.str, {"$bytes": raw}]
    return {"$object": "numpy.ndarray", "args": args}


def _dataset(dataset: Dataset, tensors: Mapping[str, TensorSource]) -> dict[str, Any]:
    about = _attributes(dataset, {})
    tensor = tensors.get(dataset.path)
    if tensor is None:
        kind = "empty" if dataset.shape is None else "unread"
        return {"$object": f"hdf5.{kind}", "args": [str(dataset.dtype.str)], **({"state": about} if about else {})}
    if dataset.same_as:
        about["link"] = dataset.same_as
    described: dict[str, Any] = {"dtype": "string" if dataset.text else str(dataset.dtype.str)}
    if dataset.dtype.names:
        table: Mapping[str, Any] = dataset.dtype.fields or {}
        described["fields"] = [_field(name, *table[name][:2]) for name in dataset.dtype.names]
    if dataset.filters:
        described["filters"] = ", ".join(dataset.filters)
    return state_tree.tensor(tensor.group, tensor.name, hdf5=described, **about)


def _field(name: str, dtype: Any, offset: int) -> list[Any]:
    return [name, str(dtype.base.str), list(dtype.shape), int(offset)]


def write_tree(into: h5py.Group, tree: Any, tensor: Tensor, read_file: ReadFile) -> None:
    """Write groups, datasets and attributes of a tree into an open HDF5 group.

    Raises:
        CorruptFileError: The tree is not that of an HDF5 file.
    """
    if not isinstance(tree, Mapping) or "$dict" not in tree:
        raise CorruptFileError("the state tree is not that of an HDF5 file")
    _write_attributes(into, tree, read_file)
    for name, node in tree["$dict"]:
        if "$dict" in node:
            write_tree(into.create_group(name), node, tensor, read_file)
        elif "$tensor" in node:
            _write_dataset(into, name, node, tensor, read_file)
        elif node.get("$object") == "hdf5.empty":
            import h5py
            import numpy as np

            into[name] = h5py.Empty(np.dtype(node["args"][0]))


def _write_attributes(thing: Any, tree: Mapping[str, Any], read_file: ReadFile) -> None:
    for name, value in tree.get("attributes", {"$dict": []})["$dict"]:
        made = _made(value, read_file)
        if made is not None:
            data, dtype = made
            thing.attrs.create(name, data, dtype=dtype)


def _made(value: Any, read_file: ReadFile) -> tuple[Any, Any] | None:
    """Return an attribute's value and HDF5 type, or ``None`` where its value was not read."""
    import h5py
    import numpy as np

    if not isinstance(value, Mapping) or "$str" in value:
        return state_tree.decode(value, _no_tensor), h5py.string_dtype("utf-8")
    args = value.get("args", [])
    kind = value.get("$object", "")
    if kind == "hdf5.string":
        return state_tree.decode(args[0], _no_tensor), h5py.string_dtype(args[1])
    if kind == "hdf5.strings":
        items = np.empty(len(args[1]), object)
        items[:] = [state_tree.decode(item, _no_tensor) for item in args[1]]
        return items.reshape(args[0]), h5py.string_dtype(args[2])
    if kind == "hdf5.file":
        data = read_file(args[0])
        if args[1] in ("utf-8", "ascii"):
            return data.decode("utf-8", "surrogateescape"), h5py.string_dtype(args[1])
        return np.array(data, dtype=args[1]), None
    if kind == "numpy.ndarray":
        raw = base64.b64decode(args[2]["$bytes"], validate=True)
        return np.frombuffer(raw, np.dtype(args[1])).reshape(args[0]), None
    if kind == "hdf5.empty":
        return h5py.Empty(np.dtype("S1" if args[0] == "string" else args[0])), None
    if "$scalar" in value:
        return np.frombuffer(bytes.fromhex(value["value"]), np.dtype(value["$scalar"])).reshape(()), None
    return None


def _no_tensor(group: str, name: str) -> Any:
    raise CorruptFileError(f"an attribute refers to the tensor {name!r} of {group!r}")


def _write_dataset(into: h5py.Group, name: str, node: Mapping[str, Any], tensor: Tensor, read_file: ReadFile) -> None:
    import h5py
    import numpy as np

    if node.get("link"):
        into[name] = into.file[node["link"]]
        return
    kind = node.get("hdf5", {}).get("dtype", "")
    array = tensor(*node["$tensor"])
    if getattr(array, "parts", None) is not None:
        array = _undone(array, _wanted(node["hdf5"]))
    if kind == "string":
        dataset = into.create_dataset(name, data=np.asarray(array, object), dtype=h5py.string_dtype())
    else:
        wanted = _wanted(node["hdf5"])
        plain = np.asarray(array)
        # Opaque items hold a dtype that HDF5 lacks: their bytes go in as they are.
        data = _as_void(plain, wanted) if wanted.kind == "V" and not wanted.names else plain.astype(wanted, copy=False)
        dataset = into.create_dataset(name, data=data, dtype=None if wanted.kind == "b" else wanted)
    _write_attributes(dataset, node, read_file)


def _wanted(described: Mapping[str, Any]) -> Any:
    import numpy as np

    plain = np.dtype(described["dtype"])
    fields = described.get("fields")
    if not fields:
        return plain
    names, bases, shapes, offsets = zip(*fields, strict=True)
    formats = [(base, tuple(shape)) for base, shape in zip(bases, shapes, strict=True)]
    return np.dtype({"names": names, "formats": formats, "offsets": offsets, "itemsize": plain.itemsize})


def _as_void(array: Any, wanted: Any) -> Any:
    import numpy as np

    if array.dtype.kind == "V" and array.dtype == wanted:
        return array
    return np.frombuffer(np.ascontiguousarray(array).tobytes(), wanted).reshape(array.shape)


def _undone(array: Any, wanted: Any) -> Any:
    """Undo what NumPy has no array for on this machine: floats of another machine, whose bytes go in as they are."""
    import numpy as np

    if array.encoding != "raw":
        raise CorruptFileError(f"a dataset is stored as {array.encoding}")
    return np.frombuffer(np.ascontiguousarray(array.parts["values"]).tobytes(), wanted).reshape(array.shape)
