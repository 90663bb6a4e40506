"""What the converters of boosted trees share: what was found in one model, its features, its trees end to end.

A booster's own text or file is the model (``payload``). Its numbers are put beside it as tensors of the kind
``derived``: the trees' arrays one after the other, with the offsets at which each tree begins, so that forests are
compared and searched as networks are. No tensor is needed to use the model.
"""

from __future__ import annotations

from array import array
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from candle_spec.canonical import tag_number
from candle_spec.conversion.contract import Field, Group, Native, NativeFormat, Part, SideFile, Source
from candle_spec.conversion.meaning import infer_name, slug
from candle_spec.converters._shared.feature_lists import feature_list
from candle_spec.errors import CorruptFileError
from candle_spec.paths import portable_name
from candle_spec.readers.ubjson import NumberArray
from candle_spec.weights.dtypes import from_numpy_name
from candle_spec.weights.sources import MemoryBytes, TensorSource, plain

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

_TASKS: Final = (
    (("binary", "multiclass", "multi:", "multiclassova", "cross_entropy"), "classification"),
    (("lambdarank", "rank_xendcg", "rank:"), "ranking"),
    (("survival:",), "survival analysis"),
    (
        ("regression", "reg:", "count:", "huber", "fair", "poisson", "quantile", "mape", "gamma", "tweedie"),
        "regression",
    ),
)
"""What a booster does, by the beginning of its objective's name."""

_PIECES: Final = 4_096
"""Arrays of trees that are kept apart before they are joined."""

_LISTED: Final = 1_000
"""Numbers of an array that are listed in the manifest."""


@dataclass(slots=True)
class Booster:
    """One model of boosted trees: alone in a file, or inside a pickle.

    Attributes:
        framework: ``"lightgbm"`` or ``"xgboost"``.
        version: Version of the framework, ``""`` where the model does not say.
        payload: The model itself, verbatim.
        groups: Group of the derived tensors.
        tensors: The derived tensors.
        fields: What the model says about itself.
        parts: Lines of the certificate.
        also: Further payload files: the model alone, where ``payload`` is the model and more.
        side_files: The list of the features.
        evidence: What was looked at to know, one sentence each.
    """

    framework: str
    version: str
    payload: SideFile
    groups: list[Group]
    tensors: list[TensorSource]
    fields: list[Field] = field(default_factory=list)
    parts: list[Part] = field(default_factory=list)
    also: list[SideFile] = field(default_factory=list)
    side_files: list[SideFile] = field(default_factory=list)
    evidence: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Features:
    """The features of a model, in the order of the columns.

    Attributes:
        count: Their number.
        names: Their names; empty where the model has none but those that the framework makes up.
        dtype: Dtype in which the framework takes the values.
        more: Further members of the input in the manifest.
    """

    count: int
    names: Sequence[str]
    dtype: str
    more: Mapping[str, Any] = field(default_factory=dict)


class Columns:
    """Arrays of the trees, gathered tree by tree, that become one tensor each."""

    def __init__(self, group: str) -> None:
        self._group = group
        self._pieces: dict[str, list[npt.NDArray[Any]]] = {}
        self._lengths: dict[str, array[int]] = {}
        self._last: dict[str, npt.NDArray[Any]] = {}

    def add(self, name: str, piece: npt.NDArray[Any]) -> None:
        """Append an array of the next tree."""
        pieces = self._pieces.setdefault(name, [])
        pieces.append(piece)
        self._lengths.setdefault(name, array("q")).append(len(piece))
        self._last[name] = piece
        if len(pieces) > _PIECES:  # an array object takes a hundred bytes, a small tree less
            self._pieces[name] = [self._joined(name)]

    def offsets(self, name: str, counts: Sequence[int]) -> None:
        """Add the positions at which each tree begins, and the end, from the trees' numbers of elements."""
        import numpy as np

        self.add(name, np.concatenate([[0], np.cumsum(counts, dtype=np.int64)]).astype(np.int64))

    def drop(self, *names: str) -> None:
        """Leave arrays out."""
        for name in names:
            self._pieces.pop(name, None)

    def last(self, name: str) -> npt.NDArray[Any]:
        """Return the piece that was added last."""
        return self._last[name]

    def lengths(self, name: str) -> Sequence[int]:
        """Return the number of elements of each piece."""
        return self._lengths.get(name, array("q"))

    def __contains__(self, name: str) -> bool:
        return name in self._pieces

    def tensors(self) -> list[TensorSource]:
        """Return the tensors, by name, and let the pieces go."""
        self._last.clear()
        return [_tensor_of(self._group, name, self._joined(name)) for name in sorted(self._pieces)]

    def _joined(self, name: str) -> npt.NDArray[Any]:
        """Return the pieces of an array as one; the list of them is empty then."""
        import numpy as np

        pieces, self._pieces[name] = self._pieces[name], []
        return pieces[0] if len(pieces) == 1 else np.concatenate(pieces)


def _tensor_of(group: str, name: str, values: npt.NDArray[Any]) -> TensorSource:
    """Return a derived tensor from an array in memory."""
    import numpy as np

    little = np.ascontiguousarray(values.astype(values.dtype.newbyteorder("<"), copy=False))
    data = MemoryBytes(little.tobytes())
    return plain(group, name, from_numpy_name(values.dtype.name).name, values.shape, data)


def group_id(key: str) -> str:
    """Return the id of the group of a booster's derived tensors."""
    return f"derived.{slug(key)}" if key else "derived"


def file_name(folder: str, stem: str, key: str, ending: str) -> str:
    """Return the path of a booster's file in the checkpoint."""
    return f"{folder}/" + portable_name(f"{stem}.{slug(key)}{ending}" if key else f"{stem}{ending}")


def add_features(booster: Booster, features: Features, key: str, detail: str) -> None:
    """Say what goes into the model, with the list of its features as a file of its own."""
    about: dict[str, Any] = {"id": "data", "kind": "table", "dtype": features.dtype}
    about["axes"] = [{"name": "sample", "size": None}, {"name": "feature", "size": features.count}]
    about["missing_values"] = "NaN"
    if features.names:
        made = feature_list(features.names, file_name("artifacts", "features", key, ".txt"))
        if made is None:
            reason = "only in the payload: a name holds a line break, or is no UTF-8"
            booster.parts.append(Part("feature names", "residue", reason, count=len(features.names)))
        else:
            booster.side_files.append(made[0])
            about["feature_list"] = made[1]
            booster.parts.append(made[2])
    booster.fields.append(Field("/inputs", [{**about, **features.more}], "file", detail))


def add_output(booster: Booster, dtype: str, width: int, description: str, detail: str) -> None:
    """Say what comes out of the model, and how it is asked for."""
    axes: list[dict[str, Any]] = [{"name": "sample", "size": None}]
    if width > 1:
        axes.append({"name": "output", "size": width})
    output = {"id": "prediction", "kind": "tensor", "dtype": dtype, "axes": axes, "description": description}
    booster.fields.append(Field("/outputs", [output], "file", detail))


def add_objective(booster: Booster, objective: str, detail: str) -> None:
    """Say what was optimised, and what the model is for, where the objective tells."""
    if not objective or not objective.isprintable() or len(objective) > 2000:
        return
    booster.fields.append(Field("/training/loss", objective, "file", detail))
    task = next((task for starts, task in _TASKS if objective.startswith(starts)), "")
    if task:
        booster.fields.append(Field("/model/task", task, "inferred", f"{detail}: {objective.split()[0]}"))


def as_json(value: Any) -> Any:
    """Return a value as JSON: numbers that JSON does not keep tagged, texts that are no Unicode made readable."""
    if isinstance(value, NumberArray):
        return as_json(value.numpy().tolist()) if len(value) <= _LISTED else f"{len(value)} numbers, in the payload"
    if isinstance(value, Mapping):
        named = ((as_json(str(key)) or "-", as_json(item)) for key, item in value.items())
        return {name[:500]: item for name, item in named}
    if isinstance(value, (list, tuple)):
        return [as_json(item) for item in value]
    if isinstance(value, str):
        return value.encode("utf-8", "backslashreplace").decode("utf-8")
    return tag_number(value) if isinstance(value, (int, float)) else value


def finite(values: npt.NDArray[np.floating[Any]], what: str, location: str) -> None:
    """Refuse numbers that are none where the model's predictions are made of them.

    Raises:
        CorruptFileError: There is a NaN.
    """
    import numpy as np

    if np.isnan(values).any():
        raise CorruptFileError(
            f"{what} holds a NaN: every prediction through it would be none",
            location=location,
            hint="the file is damaged, or its training diverged",
        )


def native_of(source: Source, booster: Booster, variant: str, title: str) -> Native:
    """Return a file that is a booster as a native checkpoint."""
    native = Native(
        NativeFormat(
            booster.framework, variant, title, booster.framework, booster.version, evidence=tuple(booster.evidence)
        ),
        source,
        weights_metadata={"format": "np"},
    )
    native.groups, native.tensors = booster.groups, booster.tensors
    native.side_files = booster.side_files
    native.payload = [booster.payload, *booster.also]
    native.fields = [infer_name(source), *booster.fields]
    native.parts = booster.parts
    return native
