"""Which tensors a Keras file holds: the four dialects, the order of variables, names for people, roles."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Literal

from candle_spec.conversion.meaning import group_ids
from candle_spec.converters._shared.keras.architecture import Layer, walk
from candle_spec.converters._shared.keras.layers import snake_case
from candle_spec.converters.keras.hdf5_tensors import Place
from candle_spec.converters.keras.variables import holds_weights, role, variable_names
from candle_spec.errors import CorruptFileError
from candle_spec.readers.hdf5 import Dataset, Group

Dialect = Literal["legacy-h5", "legacy-weights", "weights-h5", "keras-zip"]

V3: Final = frozenset({"weights-h5", "keras-zip"})
_NUMBER: Final = re.compile(r"(\d+)")
_OLDER: Final = "_layer_checkpoint_dependencies"


@dataclass(slots=True)
class Layout:
    """Where every dataset goes, in the order in which Keras loads them.

    Attributes:
        roots: Root of each group in the file, by the group's id.
        places: Each dataset and its place.
        unlisted: Paths of datasets of which the file's own lists say nothing.
    """

    roots: dict[str, str] = field(default_factory=dict)
    places: list[tuple[Dataset, Place]] = field(default_factory=list)
    unlisted: list[str] = field(default_factory=list)


def dialect_of(root: Group) -> Dialect | None:
    """Return the dialect of an HDF5 file by its content, or ``None`` where it is not Keras'."""
    whole = root.members.get("model_weights")
    if isinstance(whole, Group):
        return "legacy-h5"
    if "layer_names" in root.attributes or "layer_names0" in root.attributes or "nb_layers" in root.attributes:
        return "legacy-weights"
    for name, member in root.members.items():
        if isinstance(member, Group) and (name in ("vars", _OLDER) or _holds_variables(member, name)):
            return "weights-h5"
    return None


def _holds_variables(group: Group, name: str) -> bool:
    """``dense/vars``, ``layers/dense/vars``, or a nested model, ``layers/functional/layers``."""
    if isinstance(group.members.get("vars"), Group):
        return True
    inner = [member for member in group.members.values() if isinstance(member, Group)]
    known = {"vars", "layers"} if name == "layers" else {"vars"}
    return any(known & member.members.keys() for member in inner)


def layout_of(root: Group, dialect: Dialect, architecture: Any, location: str) -> Layout:
    """Return where every dataset of a file goes.

    Raises:
        CorruptFileError: The file's lists name a dataset that is not there.
    """
    layers = list(walk(architecture)) if architecture is not None else []
    maker = _V3(root, layers) if dialect in V3 else _Legacy(root, layers, dialect, location)
    layout = maker.layout()
    placed = {dataset.path for dataset, _ in layout.places}
    for dataset in sorted(root.datasets(), key=lambda dataset: natural(dataset.path)):
        if dataset.path not in placed:
            layout.unlisted.append(dataset.path)
            layout.roots.setdefault("other", "")
            layout.places.append((dataset, Place("other", dataset.path)))
    return layout


def contradiction(root: Group, dialect: Dialect, architecture: Any) -> str:
    """Say why an architecture cannot be that of the weights, or nothing: what Keras itself would refuse to load."""
    layers = [layer for layer in walk(architecture) if layer.depth == 0 and layer.kind != "InputLayer"]
    sure = [
        layer
        for layer in layers
        if any(holds_weights(inner.kind, inner.config) for inner in [layer, *walk(layer.entry)])
    ]
    if dialect in V3:
        held = {_canonical(dataset.path).rpartition("/vars/")[0] for dataset in root.datasets()}
        absent = [layer.name for layer in sure if not any(f"{path}/".startswith(f"{layer.path}/") for path in held)]
        return f"the weights have nothing for its layer {absent[0]!r}" if absent else ""
    named = _Legacy(root, [], dialect, "").layers_with_weights()
    if layers and not len(sure) <= len(named) <= len(layers):
        return f"it has {len(sure)} to {len(layers)} layers with weights, the file has {len(named)}"
    return ""


def natural(path: str) -> list[tuple[int, int, str]]:
    """Return a key that sorts numbers as numbers: ``vars/10`` after ``vars/2``."""
    return [(1, int(part), "") if part.isdecimal() else (0, 0, part) for part in _NUMBER.split(path)]


class _Legacy:
    """Dialects A and B: ``layer_names`` and ``weight_names`` say what is there and in which order it is loaded."""

    def __init__(self, root: Group, layers: list[Layer], dialect: Dialect, location: str) -> None:
        self._root = root
        self._location = location
        whole = root.members.get("model_weights")
        self._base = whole if dialect == "legacy-h5" and isinstance(whole, Group) else root
        self._placed: set[str] = set()
        self._dtypes = {layer.name: layer.variable_dtype for layer in layers if layer.name}
        self._layout = Layout()

    def layout(self) -> Layout:
        """Return the places of all listed datasets."""
        self._layout.roots["model"] = f"/{self._base.path}" if self._base.path else ""
        for layer in self._layer_names():
            group = self._base.find(layer)
            if not isinstance(group, Group):
                raise CorruptFileError(f"the layer {layer!r} is listed and has no group", location=self._location)
            for weight in group.texts("weight_names") or self._numbered(group, "param"):
                self._add("model", self._base, f"{layer}/{weight}", layer, weight)
        optimizer = self._root.members.get("optimizer_weights")
        if isinstance(optimizer, Group) and any(True for _ in optimizer.datasets()):
            self._layout.roots["optimizer"] = f"/{optimizer.path}"
            listed = optimizer.texts("weight_names")
            every = sorted((_below(dataset.path, optimizer) for dataset in optimizer.datasets()), key=natural)
            names = listed if listed is not None else every
            for weight in names:
                self._add("optimizer", optimizer, weight, "", weight)
        return self._layout

    def layers_with_weights(self) -> list[str]:
        """Return the layers for which the file lists weights."""
        groups = ((name, self._base.find(name)) for name in self._layer_names())
        return [name for name, group in groups if isinstance(group, Group) and any(True for _ in group.datasets())]

    def _layer_names(self) -> list[str]:
        listed = self._base.texts("layer_names")
        names = listed if listed is not None else self._numbered(self._base, "layer")
        top = "top_level_model_weights"
        return [*names, top] if top in self._base.members and top not in names else names

    def _numbered(self, group: Group, prefix: str) -> list[str]:
        """Keras before 1.0 numbered its layers and parameters instead of naming them."""
        names = [name for name in group.members if re.fullmatch(prefix + r"_\d+", name)]
        return sorted(names, key=natural)

    def _add(self, group: str, base: Group, name: str, layer: str, weight: str) -> None:
        dataset = base.find(name)
        if not isinstance(dataset, Dataset):
            raise CorruptFileError(f"the weight {name!r} is listed and is not in the file", location=self._location)
        if dataset.path in self._placed:
            return
        self._placed.add(dataset.path)
        variable = weight.rpartition("/")[2].partition(":")[0]
        opaque = self._opaque_as(layer, weight) if dataset.dtype.kind == "V" else ""
        place = Place(
            group,
            _below(dataset.path, base),
            role(variable) if group == "model" else "",
            _label(layer, weight) if layer else weight.partition(":")[0],
            opaque or dataset_dtype(dataset),
        )
        self._layout.places.append((dataset, place))

    def _opaque_as(self, layer: str, weight: str) -> str:
        """The dtype of the innermost layer that the architecture knows by a name in the weight's path."""
        for part in [*reversed(weight.split("/")[:-1]), layer]:
            if part in self._dtypes:
                return self._dtypes[part]
        return ""


def _below(path: str, base: Group) -> str:
    return path[len(base.path) + 1 :] if base.path else path


def _label(layer: str, weight: str) -> str:
    """``dense_1/kernel`` of the layer ``dense_1`` and its weight ``model_2/dense_1_4/kernel:0``."""
    parts = weight.partition(":")[0].split("/")
    again = re.compile(re.escape(layer) + r"(_\d+)?\Z")
    repeated = [number for number, part in enumerate(parts[:-1]) if again.match(part)]
    return "/".join([layer, *parts[repeated[-1] + 1 if repeated else 0 :]])


def dataset_dtype(dataset: Dataset) -> str:
    """Return the dtype that Keras 3 notes beside a dataset whose dtype HDF5 lacks."""
    attribute = dataset.attributes.get("dtype")
    return (attribute.text or "") if attribute else ""


class _V3:
    """Dialects C and D: ``<container>/<class>_<n>/vars/<n>``; the architecture and ``vars``' ``name`` say who it is."""

    def __init__(self, root: Group, layers: list[Layer]) -> None:
        self._root = root
        self._layers = {layer.path: (number, layer) for number, layer in enumerate(layers) if layer.path}
        self._layout = Layout()

    def layout(self) -> Layout:
        """Return the places of all variables."""
        sections: dict[tuple[str, str], list[Dataset]] = {("", "model"): []}
        for dataset in self._root.datasets():
            sections.setdefault(self._section(dataset.path), []).append(dataset)
        ids = group_ids(sections)
        for (top, _), datasets in sections.items():
            group = ids[top]
            self._layout.roots[group] = f"/{top}" if top else ""
            for dataset in sorted(datasets, key=self._order):
                name = dataset.path[len(top) + 1 :] if top else dataset.path
                self._layout.places.append((dataset, self._place(dataset, group, name)))
        return self._layout

    def _section(self, path: str) -> tuple[str, str]:
        """Return the part of the file that a variable belongs to, and its kind."""
        top = path.partition("/")[0]
        if top == "optimizer" or (top.endswith("_optimizer") and self._counts_steps(top)):
            return top, "optimizer"
        return (top, "metric") if top == "metrics" else ("", "model")

    def _counts_steps(self, top: str) -> bool:
        """An optimizer's first variable is its number of steps."""
        first = self._root.find(f"{top}/vars/0")
        return isinstance(first, Dataset) and first.shape == () and first.dtype.kind in "iu"

    def _order(self, dataset: Dataset) -> tuple[int, list[tuple[int, int, str]]]:
        parts = _canonical(dataset.path).split("/")
        for end in range(len(parts), 0, -1):
            known = self._layers.get("/".join(parts[:end]))
            if known:
                return known[0], natural("/".join(parts[end:]))
        return len(self._layers), natural(dataset.path)

    def _place(self, dataset: Dataset, group: str, name: str) -> Place:
        container, _, last = f"/{dataset.path}".rpartition("/vars/")
        container = container[1:]
        _, layer = self._layers.get(_canonical(container), (0, None))
        variable = self._variable(dataset.path, container, last, layer, group)
        attributes: dict[str, Any] = {}
        if layer is not None and layer.quantized:
            attributes["quantization"] = layer.quantized
            if layer.quantized.startswith("int4") and variable == "kernel":
                attributes["packed_bits"] = 4
        return Place(
            group,
            name,
            role(variable) if group == "model" else "",
            "/".join([*self._names(container, dataset.path), variable or last]),
            dataset_dtype(dataset) or (layer.variable_dtype if layer is not None else ""),
            attributes,
        )

    def _names(self, container: str, path: str) -> Iterator[str]:
        """The names of the containers of a variable, as the file or the architecture gives them."""
        parts = container.split("/") if container else []
        if not parts or "/vars/" not in f"/{path}":
            yield from parts or path.split("/")[:-1]
            return
        for end in range(1, len(parts) + 1):
            above = "/".join(parts[:end])
            group = self._root.find(f"{above}/vars")
            if not isinstance(group, Group):
                continue
            _, layer = self._layers.get(_canonical(above), (0, None))
            yield group.text("name") or (layer.name if layer is not None else "") or parts[end - 1]

    def _variable(self, path: str, container: str, last: str, layer: Layer | None, group: str) -> str:
        if group.startswith("optimizer"):
            return self._optimizer_variable(container, last)
        siblings = self._root.find(f"{container}/vars")
        if not isinstance(siblings, Group) or not last.isdecimal():
            return ""
        part = container.rpartition("/")[2]
        kind = snake_case(layer.kind) if layer is not None else re.sub(r"_\d+\Z", "", part)
        config: Mapping[str, Any] = layer.config if layer is not None else {}
        names = variable_names(kind, len(siblings.members), config, layer.quantized if layer is not None else "")
        return names[int(last)] if names and int(last) < len(names) else ""

    def _optimizer_variable(self, container: str, last: str) -> str:
        """Keras 3 keeps the steps and the learning rate first; what follows depends on the optimizer."""
        first, second = (self._root.find(f"{container}/vars/{number}") for number in (0, 1))
        if isinstance(first, Dataset) and first.shape == () and first.dtype.kind in "iu":
            if last == "0":
                return "iteration"
            if last == "1" and isinstance(second, Dataset) and second.shape == () and second.dtype.kind == "f":
                return "learning_rate"
        return ""


def _canonical(path: str) -> str:
    """Keras 2.12 and 2.13 named the container of layers otherwise."""
    return path.replace(_OLDER, "layers")
