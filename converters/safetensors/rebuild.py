"""A fresh safetensors file from a checkpoint's weights and state tree."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from candle_spec.errors import InvalidInputError, UnsupportedFormatError
from candle_spec.weights.safetensors import layout


def rebuilt_name(manifest: Mapping[str, Any]) -> str:
    """Return the name of the file that is rebuilt: shards become one."""
    names = [file["path"] for file in manifest["conversion"]["native"]["files"]]
    return str(names[0]) if len(names) == 1 else "model.safetensors"


def rebuild(
    *,
    manifest: Mapping[str, Any],
    state: Any,
    read_file: Callable[[str], bytes],
    tensor: Callable[..., Any],
    target: Path,
) -> None:
    """Write one safetensors file of the group ``model`` with the native metadata.

    Raises:
        UnsupportedFormatError: The tensors are in a file of their own inventory, or encoded.
    """
    rows = manifest["weights"].get("tensors")
    if rows is None:
        raise UnsupportedFormatError("the checkpoint has too many tensors to rebuild one file")
    own = [row for row in rows if row["group"] == "model" and "alias_of" not in row]
    metadata = _metadata(state)
    try:
        start, header = layout([(row["name"], row["dtype"], tuple(row["shape"])) for row in own], metadata)
    except InvalidInputError as error:
        raise UnsupportedFormatError(error.message) from error
    with target.open("xb") as file:
        file.write(start)
        for key in header.entries:
            array = tensor("model", key, framework="numpy")
            file.write(array.tobytes())


def _metadata(state: Any) -> dict[str, str]:
    pairs = state["$dict"] if isinstance(state, dict) and "$dict" in state else []
    inner: Mapping[str, Any] = next((value for key, value in pairs if key == "__metadata__"), {})
    return {str(key): str(value) for key, value in inner.get("$dict", [])}
