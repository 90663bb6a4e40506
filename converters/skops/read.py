"""An archive of skops as a checkpoint: the tree of its schema is walked, and every array that it names is a tensor."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Final

from candle_spec import limits
from candle_spec.canonical import loads, tag_number
from candle_spec.conversion.contract import Field, Group, Native, NativeFormat, Part, Source
from candle_spec.converters._shared.names import free_name
from candle_spec.converters._shared.numpy.members import items_of
from candle_spec.converters._shared.numpy.tensors import tensor_of
from candle_spec.converters._shared.pickle.imports import imports_of
from candle_spec.converters.skops import SCHEMA
from candle_spec.errors import CorruptFileError, LimitExceededError, UnsupportedFormatError
from candle_spec.readers.inert_pickle import Global
from candle_spec.readers.npy_header import PickledObjectsError
from candle_spec.readers.zip_archive import Entry, ZipArchive
from candle_spec.weights import state_tree
from candle_spec.weights.sources import TensorSource, total_size

_ABOUT: Final = frozenset({"__class__", "__module__", "__loader__", "__id__", "is_json", "key_types", "type"})
_DEPTH: Final = 60
_ARRAY: Final = re.compile(r"[A-Za-z0-9_-]{1,100}\.npy")


def read(source: Source) -> Native:
    """Read the tree and the headers of the arrays.

    Raises:
        CorruptFileError: The tree or an array is damaged.
        UnsupportedFormatError: It holds no arrays.
    """
    archive = ZipArchive(source.files[0].path)
    root = loads(archive.read(SCHEMA, limits.JSON_BYTES), location=f"{source.path}: {SCHEMA}")
    if not isinstance(root, dict):
        raise CorruptFileError("the schema is no object", location=str(source.path))
    return _Reading(source, archive).native(root)


@dataclass(slots=True)
class _Reading:
    """One archive while it is being read."""

    source: Source
    archive: ZipArchive
    tensors: list[TensorSource] = field(default_factory=list)
    imports: dict[Global, None] = field(default_factory=dict)
    unread: list[str] = field(default_factory=list)
    versions: dict[str, None] = field(default_factory=dict)
    used: list[Entry] = field(default_factory=list)
    owners: dict[str, str] = field(default_factory=dict)

    def native(self, root: dict[str, Any]) -> Native:
        """Return everything that was found."""
        state = self._tree(root, (), 0)
        if not self.tensors:
            message = "the archive holds no arrays: its state is only in its tree"
            raise UnsupportedFormatError(message, location=str(self.source.path))
        version = next(iter(self.versions), "")
        evidence = [f"skops {root['_skops_version']}"] if isinstance(root.get("_skops_version"), str) else []
        evidence += [f"_sklearn_version {version}"] if version else []
        title = f"skops archive: {_class(root)}"
        about = NativeFormat("skops", "zip", title, "scikit-learn", version, evidence=tuple(evidence))
        native = Native(about, self.source, [Group("model", "model")], self.tensors, state)
        native.weights_metadata = {"format": "np"}
        native.fields = list(_fields(root, version))
        native.pickles = [imports_of(self.source.files[0].name, SCHEMA, self.imports)]
        native.checks = [partial(self.archive.crc_fault, entry) for entry in self.used]
        size = total_size(self.tensors)
        native.parts = [Part("model", "kept", count=len(self.tensors), size=size)]
        if self.unread:
            reason = f"not read: {', '.join(self.unread[:8])}"[:1000]
            native.parts.append(Part("arrays", "residue", reason, count=len(self.unread)))
        pin = f"it loads in scikit-learn {version}: pip install scikit-learn=={version}" if version else ""
        native.parts.append(Part("topology", "residue", pin or "classes of scikit-learn, named in the tree"))
        return native

    def _tree(self, node: Any, path: tuple[str, ...], depth: int) -> Any:
        """Return the state tree of a node."""
        if depth > _DEPTH:
            raise LimitExceededError("the tree is nested too deeply", location=str(self.source.path))
        if not isinstance(node, dict):
            return state_tree.encode_scalar(node) if not isinstance(node, list) else self._list(node, path, depth)
        name = f"{node.get('__module__')}.{node.get('__class__')}"
        if node.get("__loader__") == "JsonNode":
            return self._json(node, path)
        if "__class__" in node:
            self.imports.setdefault(Global(str(node.get("__module__")), str(node["__class__"])))
        if isinstance(node.get("file"), str):
            return self._file(node["file"], path)
        content = node.get("content")
        if node.get("__loader__") in ("DictNode", "ListNode", "TupleNode", "SetNode"):
            return self._container(str(node["__loader__"]), content, path, depth)
        known = _ABOUT | {"content"}
        rest = [(key, each) for key, each in node.items() if key not in known and isinstance(each, (dict, list))]
        tree: dict[str, Any] = {"$object": name[:500]}
        if content is not None:
            tree["state"] = self._tree(content, path, depth + 1)
        inner = [
            (key, self._tree(value, (*path, key), depth + 1)) for key, value in rest if isinstance(value, (dict, list))
        ]
        if inner:
            tree["items"] = state_tree.mapping(inner)
        return tree

    def _container(self, loader: str, content: Any, path: tuple[str, ...], depth: int) -> Any:
        if loader == "DictNode" and isinstance(content, dict):
            return state_tree.mapping(
                (state_tree.encode_scalar(key), self._tree(value, (*path, key), depth + 1))
                for key, value in content.items()
            )
        items = self._list(content if isinstance(content, list) else [], path, depth)
        return {"TupleNode": {"$tuple": items}, "SetNode": {"$set": items}}.get(loader, items)

    def _list(self, items: list[Any], path: tuple[str, ...], depth: int) -> list[Any]:
        return [self._tree(item, (*path, str(index)), depth + 1) for index, item in enumerate(items)]

    def _json(self, node: Mapping[str, Any], path: tuple[str, ...]) -> Any:
        value = _plain(node, str(self.source.path))
        if path and path[-1] == "_sklearn_version" and isinstance(value, str):
            self.versions.setdefault(value[:100])
        return (
            state_tree.encode_scalar(value)
            if not isinstance(value, (list, dict))
            else self._tree(value, path, _DEPTH // 2)
        )

    def _file(self, member: str, path: tuple[str, ...]) -> Any:
        """Return the tensor of an array; the same member under two paths is an alias."""
        name = ".".join(path) or "array"
        if not _ARRAY.fullmatch(member):
            self.unread.append(name)
            return None
        if member in self.owners:
            return state_tree.tensor("model", self.owners[member])
        entry = self.archive.entry(member)
        try:
            items = items_of(self.archive, entry)
        except PickledObjectsError:
            self.unread.append(name)
            return None
        name = free_name(name, {tensor.name for tensor in self.tensors})
        self.used.append(entry)
        self.owners[member] = name
        self.tensors.append(tensor_of(items, "model", name))
        return state_tree.tensor("model", name)


def _plain(node: Mapping[str, Any], location: str) -> Any:
    text = node.get("content")
    if not isinstance(text, str) or node.get("is_json") is False:
        return text if isinstance(text, (str, int, float, bool)) or text is None else None
    spelled = {"NaN": float("nan"), "Infinity": float("inf"), "-Infinity": float("-inf")}
    return spelled[text] if text in spelled else loads(text.encode("utf-8", "surrogatepass"), location=location)


def _class(node: Mapping[str, Any]) -> str:
    return re.sub(r"[^A-Za-z0-9_.]", "", str(node.get("__class__", "")))[:100] or "object"


def _fields(root: Mapping[str, Any], version: str) -> Iterator[Field]:
    yield Field("/model/architecture", _class(root), "file", "schema.json: __class__")
    parameters = dict(_parameters(root))
    if parameters:
        yield Field("/training/hyperparameters", parameters, "file", "schema.json: parameters of the estimator")
    if version and re.fullmatch(r"[0-9][0-9A-Za-z.+-]{0,50}", version):
        yield Field("/environment/packages", {"scikit-learn": version}, "file", "schema.json: _sklearn_version")


def _parameters(node: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """Yield what an estimator was given: attributes with neither an underscore before nor behind."""
    content = node.get("content")
    inner = content.get("content") if isinstance(content, dict) else None
    for name, value in inner.items() if isinstance(inner, dict) else ():
        if name.startswith("_") or name.endswith("_") or not isinstance(value, dict) or len(name) > 200:
            continue
        if value.get("__loader__") == "JsonNode":
            plain = _plain(value, SCHEMA)
            if isinstance(plain, (bool, str, int, float)):
                yield name, tag_number(plain) if isinstance(plain, (int, float)) else plain
