"""The features that go into a network, where a torch pickle lists them beside it: as scvi-tools keeps ``var_names``."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any, Final

from candle_spec.conversion.contract import Field, Part, SideFile
from candle_spec.converters._shared.feature_lists import feature_list
from candle_spec.converters._shared.pickle.objects import as_pairs
from candle_spec.paths import portable_name
from candle_spec.readers.inert_pickle import Call, Mapping
from candle_spec.readers.numpy_objects import bytes_of

KEYS: Final = ("var_names", "feature_names_in_", "feature_names_in", "feature_names", "gene_names")
"""What lists the features, by scvi-tools, scikit-learn, LightGBM and XGBoost, and by trainings that follow them."""

_TEXTS: Final = re.compile(r"U(\d{1,5})")
_ID: Final = re.compile(r"[a-z0-9][a-z0-9_.-]{0,60}")
_INPUTS: Final = 16

Found = tuple[list[Field], list[SideFile], list[Part]]


def features_of(members: Iterable[tuple[tuple[str, ...], Any]]) -> Found:
    """Return what is said of the inputs: fields, files and lines of the certificate.

    Args:
        members: Path and value of the members of the file's dictionaries; the first list of features counts.
    """
    listed = {path: value for path, value in members if path and path[-1] in KEYS}
    for path in sorted(listed, key=lambda path: (KEYS.index(path[-1]), len(path))):
        pairs = as_pairs(listed[path])
        tables = [(str(key), names_of(value)) for key, value in pairs] if pairs is not None else []
        tables = tables or [("data", names_of(listed[path]))]
        if len(tables) <= _INPUTS and all(names and _ID.fullmatch(key.lower()) for key, names in tables):
            return _said(tables, ".".join(path))
    return [], [], []


def _said(tables: list[tuple[str, list[str]]], key: str) -> Found:
    entries: list[dict[str, Any]] = []
    files: list[SideFile] = []
    parts: list[Part] = []
    for name, names in tables:
        axes = [{"name": "sample", "size": None}, {"name": "feature", "size": len(names)}]
        entry: dict[str, Any] = {"id": name.lower(), "kind": "table", "axes": axes}
        stem = "features" if len(tables) == 1 else f"features.{name.lower()}"
        made = (
            feature_list(names, f"artifacts/{portable_name(stem + '.txt')}") if len(set(names)) == len(names) else None
        )
        if made is None:
            reason = f"only in the state tree, under {key}: a name stands there twice, or is no line of text"
            parts.append(Part("feature names", "residue", reason[:1990], count=len(names)))
        else:
            files.append(made[0])
            entry["feature_list"] = made[1]
            parts.append(made[2])
        entries.append(entry)
    return [Field("/inputs", entries, "file", f"key {key}"[:500])], files, parts


def names_of(node: Any) -> list[str]:
    """Return the texts of a list, an array of NumPy or an index of pandas; none where it holds anything else."""
    if isinstance(node, Call) and node.path.startswith("pandas.") and node.path.endswith("._new_Index"):
        about = node.args[1] if isinstance(node.args, tuple) and len(node.args) == 2 else None
        node = about.get("data") if isinstance(about, Mapping) else None
    items = _items(node) if isinstance(node, Call) else node
    if not isinstance(items, (list, tuple)) or not all(isinstance(item, str) and item for item in items):
        return []
    return [str(item) for item in items]


def _items(node: Call) -> Any:
    """The items of an array of one axis: of objects, or of texts of one width."""
    state = node.state
    if not node.path.endswith("multiarray._reconstruct") or not isinstance(state, tuple) or len(state) != 5:
        return None
    _, shape, dtype, _, data = state
    if not isinstance(shape, tuple) or len(shape) != 1 or isinstance(data, list):
        return data if isinstance(data, list) and shape == (len(data),) else None
    raw, code = bytes_of(data), dtype.args[0] if isinstance(dtype, Call) and isinstance(dtype.args, tuple) else ""
    width = _TEXTS.fullmatch(code) if isinstance(code, str) else None
    if raw is None or width is None or type(shape[0]) is not int or len(raw) != 4 * int(width[1]) * shape[0]:
        return None
    order = "utf-32-be" if isinstance(dtype.state, tuple) and dtype.state[1:2] == (">",) else "utf-32-le"
    step = 4 * int(width[1])
    try:
        return [str(raw[at : at + step], order).rstrip("\0") for at in range(0, len(raw), step)] if step else None
    except UnicodeDecodeError:
        return None
