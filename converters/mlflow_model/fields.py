"""Fields of the manifest from an ``MLmodel`` file: signature, run, versions.

The signature stands as JSON in text: columns (``{"name", "type", "required"}``) or tensors (``{"type": "tensor",
"tensor-spec": {"dtype", "shape"}}``, https://mlflow.org/docs/latest/ml/model/signatures/).
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from typing import Any, Final

from candle_spec.canonical import loads
from candle_spec.conversion.contract import Field, SideFile
from candle_spec.converters._shared import values
from candle_spec.converters._shared.documents import mapping, sequence
from candle_spec.errors import CandleSpecError

_COLUMNS: Final = "artifacts/signature-columns.txt"
_SINGLE: Final = 20
"""Columns that are listed as inputs of their own; more become one table with a list of features."""

_UUID: Final = re.compile(r"([0-9a-f]{8})-?([0-9a-f]{4})-?([0-9a-f]{4})-?([0-9a-f]{4})-?([0-9a-f]{12})")


def model_fields(
    about: Mapping[str, Any], origin: str, environment: dict[str, Any], columns: SideFile | None
) -> list[Field]:
    """Return what ``MLmodel`` and the environment beside it say.

    Args:
        about: The content of ``MLmodel``.
        origin: Its name.
        environment: Python and packages that requirements pin.
        columns: The file in which the names of many columns are kept.
    """
    found = values.Fields(origin)
    match = _UUID.fullmatch(str(about.get("model_uuid", "")))
    found.add("/identifiers", [{"scheme": "uuid", "value": "-".join(match.groups())}] if match else None, "model_uuid")
    found.add("/lineage/run_id", values.name(about.get("run_id")), "run_id")
    found.add("/environment", _environment(about, environment), "flavors, requirements")
    stated = mapping(about.get("signature"))
    found.add("/inputs", _side(stated.get("inputs"), columns), "signature/inputs")
    found.add("/outputs", _side(stated.get("outputs"), None), "signature/outputs")
    metadata = mapping(about.get("metadata"))
    found.add("/description", values.text(metadata.get("description")), "metadata/description")
    found.add("/model/task", values.line(metadata.get("task")), "metadata/task")
    return found.fields


def registered_fields(about: Mapping[str, Any], origin: str) -> list[Field]:
    """Return what the registry noted: name and version of the registered model."""
    found = values.Fields(origin)
    found.add("/name", values.name(about.get("model_name")), "model_name")
    found.add("/version", values.name(about.get("model_version")), "model_version")
    return found.fields


def _environment(about: Mapping[str, Any], pinned: dict[str, Any]) -> dict[str, Any]:
    packages = values.versions({"mlflow": about.get("mlflow_version")} if about.get("mlflow_version") else {})
    packages |= pinned.get("packages", {})
    function = mapping(mapping(about.get("flavors")).get("python_function"))
    python = values.name(function.get("python_version")) or pinned.get("python")
    return ({"python": python} if python else {}) | ({"packages": packages} if packages else {})


def _rows(stated: Any) -> list[dict[str, Any]]:
    """Return the rows of one side of a signature."""
    if not isinstance(stated, str):
        return [mapping(row) for row in sequence(stated)]
    try:
        return [mapping(row) for row in sequence(loads(stated.encode("utf-8", "replace"), location="signature"))]
    except CandleSpecError:
        return []


def table_file(about: Mapping[str, Any]) -> SideFile | None:
    """Return a file with the names of many columns, one a line."""
    rows = _rows(mapping(about.get("signature")).get("inputs"))
    names = [values.line(row.get("name")) for row in rows if row.get("type") != "tensor"]
    if len(names) <= _SINGLE or any(name is None for name in names):
        return None
    return SideFile(_COLUMNS, "\n".join(str(name) for name in names).encode() + b"\n", "text/plain", "feature-list")


def _side(stated: Any, columns: SideFile | None) -> list[dict[str, Any]]:
    rows = _rows(stated)
    if columns is not None and isinstance(columns.data, bytes):
        count = columns.data.count(b"\n")
        digest = hashlib.sha256(columns.data.removesuffix(b"\n")).hexdigest()
        listed = {"path": columns.path, "count": count, "digest": f"sha256:{digest}"}
        axes = [{"name": "sample", "size": None}, {"name": "feature", "size": count}]
        kinds = {values.dtype(row.get("type")) for row in rows}
        table: dict[str, Any] = {"id": "columns", "kind": "table", "axes": axes, "feature_list": listed}
        dtype = kinds.pop() if len(kinds) == 1 else None
        return [table | ({"dtype": dtype} if dtype else {})]
    return [_entry(row, number) for number, row in enumerate(rows[:1000])]


def _entry(row: Mapping[str, Any], number: int) -> dict[str, Any]:
    """Return an input or output of one column or tensor."""
    tensor = row.get("type") == "tensor"
    spec = mapping(row.get("tensor-spec"))
    entry: dict[str, Any] = {
        "id": values.name(row.get("name")) or f"{'tensor' if tensor else 'column'}_{number}",
        "kind": "tensor" if tensor else "table",
    }
    dtype = values.dtype(spec.get("dtype") if tensor else row.get("type"))
    if dtype:
        entry["dtype"] = dtype
    if tensor:
        sizes = sequence(spec.get("shape"))[:64]
        entry["axes"] = [{"name": f"axis_{axis}", "size": values.count(size)} for axis, size in enumerate(sizes)]
    if row.get("required") is False or row.get("optional") is True:
        entry["optional"] = True
    return entry
