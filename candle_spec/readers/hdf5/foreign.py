"""Name HDF5 files that hold no model, by what is at their root.

To add a kind: one function that looks at the root and one row in ``_KINDS``.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

from candle_spec.errors import CandleSpecError
from candle_spec.readers.hdf5.window import Window, open_file, signature_at

if TYPE_CHECKING:
    import h5py

_MATLAB: Final = b"MATLAB 7.3"


def foreign(window: Window) -> tuple[str, str] | None:
    """Return what an HDF5 file without a model is, and what would help; ``None`` where it is no known kind.

    Returns:
        A noun phrase and a hint.
    """
    try:
        if signature_at(window):
            with window.open() as stream:
                if stream.read(len(_MATLAB)) == _MATLAB:
                    return "a MATLAB 7.3 file", "this is data, or a model of MATLAB, which is not read"
        with open_file(window) as file:
            root = file["/"]
            members = {name for name in root if root.get(name, getlink=True).__class__.__name__ == "HardLink"}
            for looks_like, what, hint in _KINDS:
                if looks_like(root, members):
                    return what, hint
    except CandleSpecError:
        return None
    return None


def _anndata(root: h5py.Group, members: set[str]) -> bool:
    return _text(root, "encoding-type") == "anndata" or {"obs", "var", "X"} <= members


def _pandas(root: h5py.Group, members: set[str]) -> bool:
    return any("pandas_type" in root[name].attrs for name in members)


def _pytables(root: h5py.Group, _members: set[str]) -> bool:
    return "PYTABLES_FORMAT_VERSION" in root.attrs


def _tenx(root: h5py.Group, members: set[str]) -> bool:
    if "matrix" in members and {"barcodes", "indptr"} <= _names(root["matrix"]):
        return True
    if {"barcode_idx", "umi"} <= members:
        return True
    return any({"barcodes", "genes", "indptr"} <= _names(root[name]) for name in members)


def _loom(root: h5py.Group, members: set[str]) -> bool:
    return "LOOM_SPEC_VERSION" in root.attrs or {"matrix", "row_attrs", "col_attrs"} <= members


def _netcdf(root: h5py.Group, members: set[str]) -> bool:
    return "_NCProperties" in root.attrs or any(_text(root[name], "CLASS") == "DIMENSION_SCALE" for name in members)


_KINDS: Final[tuple[tuple[Callable[[Any, set[str]], bool], str, str], ...]] = (
    (_anndata, "an AnnData table (.h5ad)", "this is data, not a model; describe it as a data set of the model"),
    (_pandas, "a pandas HDFStore", "this is a table, not a model; pandas.read_hdf reads it"),
    (_loom, "a Loom expression matrix", "this is data, not a model"),
    (_tenx, "a 10x Genomics matrix", "this is data, not a model"),
    (_netcdf, "a NetCDF-4 data set", "this is data, not a model"),
    (_pytables, "a PyTables file", "this is data, not a model"),
)


def _names(thing: Any) -> set[str]:
    import h5py

    return set(thing) if isinstance(thing, h5py.Group) else set()


def _text(thing: Any, name: str) -> str:
    value = thing.attrs.get(name, "")
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)
