"""Tensors in any order of axes and bytes come out row-major, and go back to their place."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from candle_spec.weights import strides
from candle_spec.weights.sources import FileBytes
from candle_spec.weights.strides import StridedBytes, dense_order, row_major_strides

CODES = {1: "U8", 2: "I16", 4: "F32", 8: "F64"}


@st.composite
def arrays(draw: st.DrawFn) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    """A base array and a view of it: permuted, sliced, repeated."""
    width = draw(st.sampled_from(sorted(CODES)))
    shape = tuple(draw(st.lists(st.integers(1, 5), min_size=1, max_size=4)))
    order = draw(st.sampled_from("<>")) if width > 1 else "|"
    kind = {1: "u1", 2: "i2", 4: "f4", 8: "f8"}[width]
    base = np.arange(int(np.prod(shape))).astype(f"{order}{kind}").reshape(shape)
    view = base.transpose(draw(st.permutations(range(len(shape)))))
    for axis, n in enumerate(view.shape):
        step = draw(st.integers(1, 3))
        start = draw(st.integers(0, n - 1))
        view = view[tuple(slice(start, None, step) if a == axis else slice(None) for a in range(view.ndim))]
    if draw(st.booleans()):
        view = np.broadcast_to(view, (2, *view.shape))
    return base, view


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=150)
@given(arrays(), st.integers(8, 64))
def test_strided_bytes_are_numpys(tmp_path: Path, made: tuple[Any, Any], block: int) -> None:
    base, view = made
    path = tmp_path / "base"
    path.write_bytes(b"HEAD" + base.tobytes())
    offset = 4 + view.__array_interface__["data"][0] - base.__array_interface__["data"][0]
    steps = tuple(n // base.itemsize for n in view.strides)
    order = "big" if base.dtype.byteorder == ">" else "little"
    data = StridedBytes(path, offset, CODES[base.itemsize], view.shape, steps, order)
    patch = pytest.MonkeyPatch()
    patch.setattr(strides, "BLOCK", block)
    try:
        got = b"".join(bytes(piece) for piece in data.blocks())
        again = b"".join(bytes(piece) for piece in data.blocks())
    finally:
        patch.undo()
    little = view.astype(view.dtype.newbyteorder("<")) if base.itemsize > 1 else view
    assert got == again == np.ascontiguousarray(little).tobytes()
    assert len(got) == data.size
    for extent in data.extents:
        native = path.read_bytes()[extent.offset : extent.offset + extent.length]
        stored = np.frombuffer(got, f"V{base.itemsize}").reshape(view.shape)
        turned = stored.transpose(extent.order) if extent.order is not None else stored
        flat = np.frombuffer(np.ascontiguousarray(turned).tobytes(), np.uint8)
        if extent.swap:
            flat = flat.view(f"u{extent.swap}").byteswap().view(np.uint8)
        assert flat.tobytes() == native


def test_dense_order() -> None:
    assert dense_order((2, 3), (3, 1)) == (0, 1)
    assert dense_order((2, 3), (1, 2)) == (1, 0)
    assert dense_order((2, 1, 3), (3, 99, 1)) == (0, 1, 2)
    assert dense_order((2, 3), (4, 1)) is None
    assert dense_order((5, 3), (0, 1)) is None
    assert dense_order((), ()) == ()
    assert row_major_strides((2, 3, 4)) == (12, 4, 1)


def test_a_file_that_ends_early_is_named(tmp_path: Path) -> None:
    (tmp_path / "short").write_bytes(b"1234")
    with pytest.raises(ValueError, match="ended inside a tensor"):
        list(FileBytes(tmp_path / "short", 2, 8).blocks())
