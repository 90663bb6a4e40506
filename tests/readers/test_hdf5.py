"""The guarded view of HDF5 files: what is listed, what is refused, what is named as something else."""

from __future__ import annotations

import io
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import ml_dtypes
import numpy as np
import pytest

from candle_spec import limits
from candle_spec.errors import (
    CandleSpecError,
    CorruptFileError,
    LimitExceededError,
    UnsafeContentError,
    UnsupportedFormatError,
)
from candle_spec.readers import hdf5
from candle_spec.readers.hdf5 import walk

Build = Callable[[h5py.File], Any]


def window_of(path: Path) -> hdf5.FileWindow:
    return hdf5.FileWindow(path, 0, path.stat().st_size)


def build(path: Path, fill: Build, **options: Any) -> hdf5.FileWindow:
    with h5py.File(path, "w", **options) as file:
        fill(file)
    return window_of(path)


def dataset(window: hdf5.Window, path: str) -> hdf5.Dataset:
    found = hdf5.read_tree(window).find(path)
    assert isinstance(found, hdf5.Dataset)
    return found


def content(found: hdf5.Dataset) -> bytes:
    return b"".join(bytes(block) for block in found.blocks())


def test_lists_groups_datasets_and_typed_attributes(tmp_path: Path) -> None:
    def fill(file: h5py.File) -> None:
        file.attrs["text"] = "é"
        file.attrs["fixed"] = np.bytes_(b"abc")
        file.attrs["list"] = np.array(["a", "b"], object)
        file.attrs["number"] = np.float32(0.1)
        file.attrs["nothing"] = h5py.Empty("f4")
        file.create_group("one/two")["x"] = np.arange(6, dtype="f4").reshape(2, 3)
        file["reference"] = file["one"].ref
        file.attrs["reference"] = file["one"].ref
        file["empty"] = h5py.Empty("i8")
        file["type"] = np.dtype("f8")

    window = build(tmp_path / "a.h5", fill)
    root = hdf5.read_tree(window)
    assert root.text("text") == "é"
    assert root.text("fixed") == "abc"
    assert root.texts("list") == ["a", "b"]
    assert root.attributes["number"].value.dtype == np.float32
    assert root.attributes["nothing"].kind == "empty"
    assert root.attributes["reference"].kind == "unread"
    assert not dataset(window, "reference").readable
    assert dataset(window, "empty").shape is None
    assert isinstance(root.find("type"), hdf5.NamedType)
    x = dataset(window, "one/two/x")
    assert (x.shape, x.dtype.str, x.raw) == ((2, 3), "<f4", True)
    raw = window.path.read_bytes()
    assert x.offset is not None
    assert raw[x.offset : x.offset + 24] == np.arange(6, dtype="f4").tobytes() == content(x)


def test_a_list_cut_into_pieces_is_joined(tmp_path: Path) -> None:
    def fill(file: h5py.File) -> None:
        file.attrs["names0"] = np.array([b"a", b"b"])
        file.attrs["names1"] = np.array([b"c"])

    assert hdf5.read_tree(build(tmp_path / "a.h5", fill)).texts("names") == ["a", "b", "c"]
    assert hdf5.read_tree(window_of(tmp_path / "a.h5")).texts("other") is None


@pytest.mark.parametrize("name", ["float32", "float64", "float16", "int8", "uint64", "bool", "complex64", "complex128"])
@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("chunked", [False, True])
def test_every_item_comes_back_little_endian(tmp_path: Path, name: str, order: Any, chunked: bool) -> None:
    wanted = np.dtype(name).newbyteorder(order)
    array = np.arange(30).reshape(5, 6).astype(wanted)
    options = {"chunks": (2, 4), "compression": "gzip", "shuffle": True} if chunked else {}
    window = build(tmp_path / "a.h5", lambda file: file.create_dataset("x", data=array, **options))
    found = dataset(window, "x")
    assert (found.offset is None) == chunked
    assert content(found) == array.astype(np.dtype(name)).tobytes()
    assert found.filters == (("shuffle", "gzip") if chunked else ())


def test_opaque_items_scalars_empty_and_unwritten_datasets(tmp_path: Path) -> None:
    half = np.array([1.5, -2], ml_dtypes.bfloat16)

    def fill(file: h5py.File) -> None:
        file["bf"] = half
        file["scalar"] = np.int64(7)
        file["none"] = np.zeros((0, 3), "f4")
        file.create_dataset("unwritten", shape=(3,), dtype="f4", fillvalue=2)
        file["strings"] = np.array([["a", "é"], ["", "d"]], object)
        file["fixed"] = np.array([b"ab", b"c"])

    window = build(tmp_path / "a.h5", fill)
    assert dataset(window, "bf").dtype.str == "|V2"
    assert content(dataset(window, "bf")) == half.tobytes()
    assert content(dataset(window, "scalar")) == np.int64(7).tobytes()
    assert content(dataset(window, "none")) == b""
    assert dataset(window, "unwritten").offset is None
    assert content(dataset(window, "unwritten")) == np.full(3, 2, "f4").tobytes()
    assert list(dataset(window, "strings").strings(100)) == [b"a", "é".encode(), b"", b"d"]
    with pytest.raises(LimitExceededError, match="more than 2 bytes"):
        list(dataset(window, "strings").strings(2))
    assert content(dataset(window, "fixed")) == b"abc\0"


def test_large_chunked_dataset_streams_in_order(tmp_path: Path) -> None:
    array = np.random.default_rng(0).integers(0, 9, (3000, 700)).astype("f8")
    chunks = build(tmp_path / "a.h5", lambda file: file.create_dataset("x", data=array, chunks=(70, 33), compression=1))
    found = dataset(chunks, "x")
    blocks = [len(block) for block in found.blocks()]
    assert len(blocks) > 1
    assert content(found) == array.tobytes()


def test_a_file_inside_a_file_and_in_memory(tmp_path: Path) -> None:
    inner = build(tmp_path / "a.h5", lambda file: file.create_dataset("x", data=np.arange(9.0)))
    data = inner.path.read_bytes()
    outer = tmp_path / "outer.bin"
    outer.write_bytes(b"?" * 1234 + data + b"!" * 99)
    window = hdf5.FileWindow(outer, 1234, len(data), "member")
    found = dataset(window, "x")
    assert found.offset is not None
    start = window.offset + found.offset
    assert outer.read_bytes()[start : start + 72] == np.arange(9.0).tobytes() == content(found)
    memory = hdf5.MemoryWindow(data, "here")
    assert content(dataset(memory, "x")) == np.arange(9.0).tobytes()
    assert window.location.endswith(": member")


def test_a_user_block_moves_the_offsets(tmp_path: Path) -> None:
    window = build(tmp_path / "a.h5", lambda file: file.create_dataset("x", data=np.arange(9.0)), userblock_size=1024)
    assert hdf5.is_hdf5(window)
    found = dataset(window, "x")
    assert found.offset is not None
    assert window.path.read_bytes()[found.offset : found.offset + 72] == np.arange(9.0).tobytes()


def test_a_second_name_of_a_dataset_is_known(tmp_path: Path) -> None:
    def fill(file: h5py.File) -> None:
        file["a"] = np.arange(3)
        file["b"] = file["a"]

    window = build(tmp_path / "a.h5", fill)
    assert dataset(window, "b").same_as == "a"
    assert dataset(window, "a").same_as == ""


def test_depth_limits_what_is_listed(tmp_path: Path) -> None:
    window = build(tmp_path / "a.h5", lambda file: file.create_group("a/b/c"))
    root = hdf5.read_tree(window, 1)
    assert isinstance(root.find("a"), hdf5.Group)
    assert root.find("a/b") is None


def _external_link(file: h5py.File) -> None:
    file["x"] = h5py.ExternalLink("secret.h5", "/x")


def _soft_link(file: h5py.File) -> None:
    file["y"] = np.arange(3)
    file["x"] = h5py.SoftLink("/y")


def _soft_link_outside(file: h5py.File) -> None:
    file["x"] = h5py.SoftLink("/../../etc/passwd")


def _external_storage(file: h5py.File) -> None:
    file.create_dataset("x", shape=(4,), dtype="u1", external=[("secret.bin", 0, 4)])


def _virtual(file: h5py.File) -> None:
    layout = h5py.VirtualLayout(shape=(4,), dtype="f4")
    layout[:] = h5py.VirtualSource("secret.h5", "x", shape=(4,))
    file.create_virtual_dataset("x", layout)


def _cycle(file: h5py.File) -> None:
    group = file.create_group("a/b")
    group["back"] = file["a"]


@pytest.mark.parametrize(
    ("fill", "words"),
    [
        (_external_link, "a link into another file"),
        (_soft_link, "a link by name"),
        (_soft_link_outside, "a link by name"),
        (_external_storage, "takes its bytes from other files"),
        (_virtual, "a view of datasets of other files"),
        (_cycle, "contains itself"),
    ],
)
def test_what_leads_out_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fill: Build, words: str) -> None:
    monkeypatch.chdir(tmp_path)
    Path("secret.bin").write_bytes(b"key!")
    build(tmp_path / "secret.h5", lambda file: file.create_dataset("x", data=np.zeros(4, "f4")))
    with pytest.raises(UnsafeContentError, match=words) as caught:
        hdf5.read_tree(build(tmp_path / "a.h5", fill))
    assert "a.h5" in caught.value.location


@pytest.mark.parametrize(
    "options",
    [
        {"shape": (1 << 39,), "dtype": "f8"},
        {"shape": (1 << 39,), "dtype": "f8", "chunks": (1 << 20,)},
        {"shape": (1 << 20, 1 << 20), "dtype": "f4", "chunks": (1 << 10, 1 << 10), "compression": "gzip"},
    ],
)
def test_a_small_file_that_states_terabytes_is_refused(tmp_path: Path, options: dict[str, Any]) -> None:
    window = build(tmp_path / "bomb.h5", lambda file: file.create_dataset("x", **options))
    assert window.size < 10_000
    with pytest.raises(LimitExceededError, match="states 4398046511104 bytes"):
        hdf5.read_tree(window)


def test_a_chunk_beyond_memory_is_refused(tmp_path: Path) -> None:
    def fill(file: h5py.File) -> None:
        file.create_dataset("x", shape=(4,), maxshape=(None,), dtype="f8", chunks=(1 << 28,), compression="gzip")

    with pytest.raises(LimitExceededError):
        hdf5.read_tree(build(tmp_path / "a.h5", fill))


def test_unknown_filters_are_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    window = build(tmp_path / "a.h5", lambda file: file.create_dataset("x", data=np.zeros(99), compression="lzf"))
    assert dataset(window, "x").filters == ("lzf",)
    monkeypatch.setattr(walk, "_FILTERS", {})
    with pytest.raises(UnsupportedFormatError, match="filter 32000"):
        hdf5.read_tree(window)


def test_datasets_that_share_bytes_are_refused(tmp_path: Path) -> None:
    def fill(file: h5py.File) -> None:
        file["a"] = np.full(100, 3.0)
        file["b"] = np.full(100, 4.0)

    window = build(tmp_path / "a.h5", fill)
    first, second = dataset(window, "a").offset, dataset(window, "b").offset
    assert first is not None
    assert second is not None
    data = window.path.read_bytes()
    assert data.count(second.to_bytes(8, "little")) == 1
    window.path.write_bytes(data.replace(second.to_bytes(8, "little"), (first + 8).to_bytes(8, "little")))
    with pytest.raises(CorruptFileError, match="share bytes"):
        hdf5.read_tree(window)
    window.path.write_bytes(data.replace(second.to_bytes(8, "little"), (1 << 40).to_bytes(8, "little")))
    with pytest.raises(CorruptFileError):
        hdf5.read_tree(window)


def test_nesting_and_counts_are_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    window = build(tmp_path / "a.h5", lambda file: file.create_group("/".join("g" * 300)))
    with pytest.raises(LimitExceededError, match="nested more than 256"):
        hdf5.read_tree(window)
    monkeypatch.setattr(limits, "HDF5_OBJECTS", 10)
    with pytest.raises(LimitExceededError, match="more than 10 objects"):
        hdf5.read_tree(build(tmp_path / "b.h5", lambda file: [file.create_group(f"g{n}") for n in range(11)]))


def test_a_large_attribute_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("candle_spec.readers.hdf5.values.ATTRIBUTE_BYTES", 100)
    window = build(tmp_path / "a.h5", lambda file: file.attrs.create("x", np.zeros(50)))
    with pytest.raises(LimitExceededError, match="the attribute 'x'"):
        hdf5.read_tree(window)


def test_a_cut_file_says_so(tmp_path: Path) -> None:
    window = build(tmp_path / "a.h5", lambda file: file.create_dataset("x", data=np.zeros(9999)))
    os.truncate(window.path, 20_000)
    with pytest.raises(CorruptFileError, match="cut off: it has 20000 of"):
        hdf5.read_tree(window_of(window.path))
    os.truncate(window.path, 40)
    with pytest.raises(CorruptFileError):
        hdf5.read_tree(window_of(window.path))
    window.path.write_bytes(b"")
    assert not hdf5.is_hdf5(window_of(window.path))


def test_damage_never_ends_in_another_error(tmp_path: Path) -> None:
    def fill(file: h5py.File) -> None:
        file.attrs["names"] = np.array(["a", "b"], object)
        file.create_group("g").create_dataset("x", data=np.arange(50.0), chunks=(7,), compression="gzip")
        file["y"] = np.arange(9)

    data = build(tmp_path / "a.h5", fill).path.read_bytes()
    random = np.random.default_rng(1)
    for _ in range(150):
        damaged = bytearray(data)
        for place in random.integers(0, 3000, 3):
            damaged[place] = random.integers(0, 256)
        window = hdf5.MemoryWindow(bytes(damaged), "damaged")
        try:
            for found in hdf5.read_tree(window).datasets():
                if found.readable:
                    content(found)
        except CandleSpecError:
            continue


def _anndata(file: h5py.File) -> None:
    file.attrs["encoding-type"] = "anndata"
    for name in ("obs", "var"):
        file.create_group(name)
    file["X"] = np.zeros((2, 2))


def _pandas(file: h5py.File) -> None:
    file.attrs["PYTABLES_FORMAT_VERSION"] = "2.1"
    file.create_group("df").attrs["pandas_type"] = "frame"


def _tenx(file: h5py.File) -> None:
    for name in ("barcodes", "indptr", "data", "indices"):
        file[f"matrix/{name}"] = np.zeros(2)


def _loom(file: h5py.File) -> None:
    file["matrix"] = np.zeros((2, 2))
    file.create_group("row_attrs")
    file.create_group("col_attrs")


def _netcdf(file: h5py.File) -> None:
    file.attrs["_NCProperties"] = "version=2"


@pytest.mark.parametrize(
    ("fill", "what"),
    [(_anndata, "AnnData"), (_pandas, "pandas"), (_tenx, "10x"), (_loom, "Loom"), (_netcdf, "NetCDF")],
)
def test_foreign_files_are_named(tmp_path: Path, fill: Build, what: str) -> None:
    found = hdf5.foreign(build(tmp_path / "a.h5", fill))
    assert found is not None
    assert what in found[0]


def test_matlab_is_named_and_models_are_not(tmp_path: Path) -> None:
    window = build(tmp_path / "a.mat", lambda file: file.create_group("x"), userblock_size=512)
    with window.path.open("r+b") as file:
        file.write(b"MATLAB 7.3 MAT-file, Platform: GLNXA64")
    found = hdf5.foreign(window)
    assert found is not None
    assert "MATLAB" in found[0]
    assert hdf5.foreign(build(tmp_path / "b.h5", lambda file: file.create_group("layers/dense/vars"))) is None
    assert hdf5.foreign(hdf5.MemoryWindow(b"\x89HDF\r\n\x1a\n" + bytes(99), "broken")) is None


def test_the_window_never_gives_bytes_outside(tmp_path: Path) -> None:
    path = tmp_path / "x"
    path.write_bytes(b"secret" + b"inside" + b"secret")
    with hdf5.FileWindow(path, 6, 6).open() as file:
        assert file.read() == b"inside"
        file.seek(-2, io.SEEK_END)
        assert file.read(10) == b"de"
        file.seek(100)
        assert file.read(10) == b""
