"""Make a fresh ``.npz`` or ``.npy`` from manifest and weights alone, by NumPy itself."""

from __future__ import annotations

import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from candle_spec.errors import UnsupportedFormatError

if TYPE_CHECKING:
    import numpy.typing as npt

_SINCE: tuple[int, int, int, int, int, int] = (1980, 1, 1, 0, 0, 0)


def rebuild(
    *,
    manifest: Mapping[str, Any],
    state: Any,
    read_file: Callable[[str], bytes],
    tensor: Callable[..., Any],
    target: Path,
) -> None:
    """Write the arrays with the order of axes and the packing that the native file had.

    Raises:
        UnsupportedFormatError: An array is one that NumPy cannot make again.
    """
    from numpy.lib import format as npy

    native = manifest["conversion"]["native"]
    rows = manifest["weights"].get("tensors")
    if rows is None:
        raise UnsupportedFormatError("the checkpoint has too many tensors to rebuild one file")
    arrays = {row["name"]: _array(row, tensor("model", row["name"], framework="numpy")) for row in rows}
    if native["variant"] == "npy":
        with target.open("xb") as file:
            npy.write_array(file, next(iter(arrays.values())), allow_pickle=False)
        return
    method = zipfile.ZIP_DEFLATED if native["variant"] == "npz-compressed" else zipfile.ZIP_STORED
    with zipfile.ZipFile(target, "x", method) as archive:
        for name, array in arrays.items():
            member = zipfile.ZipInfo(f"{name}.npy", _SINCE)
            member.compress_type = method
            with archive.open(member, "w", force_zip64=True) as opened:
                npy.write_array(opened, array, allow_pickle=False)


def _array(row: Mapping[str, Any], found: Any) -> npt.NDArray[Any]:
    import numpy as np

    attributes = row.get("attributes", {})
    if not isinstance(found, np.ndarray):
        name = row["encoding"]["name"]
        raise UnsupportedFormatError(f"the array {row['name']!r}, stored as {name}, cannot be made again by NumPy")
    return np.asfortranarray(found) if attributes.get("fortran_order") else found
