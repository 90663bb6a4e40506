"""NumPy archives and arrays: every dtype and order as NumPy reads it, strings, records, refusals, hostile headers."""

from __future__ import annotations

import io
import struct
import zipfile
from pathlib import Path
from typing import Any

import ml_dtypes
import numpy as np
import pytest

from candle_spec.checkpoint.checkpoint import Checkpoint
from candle_spec.conversion import registry
from candle_spec.conversion.convert import convert
from candle_spec.conversion.native import read_native
from candle_spec.conversion.restore import restore
from candle_spec.conversion.source import resolve_source
from candle_spec.converters.npz import CONVERTER
from candle_spec.errors import (
    CandleSpecError,
    CorruptFileError,
    LimitExceededError,
    TruncatedFileError,
    UnsafeContentError,
    UnsupportedFormatError,
)
from candle_spec.testing.contract import ConverterContract
from tests.helpers.checkpoints import residues

RECORD = np.dtype([("feature", "<i4"), ("threshold", ">f8"), ("value", "<f4", (2,)), ("flag", "?")], align=True)
CODES = "?bBhHiIqQefdF"


def numbers() -> dict[str, np.ndarray]:
    """Arrays of every plain dtype, in both orders of axes and of bytes, with odd names."""
    chance = np.random.default_rng(0)
    made: dict[str, np.ndarray] = {}
    for code in CODES:
        values = chance.integers(0, 2, (6, 5, 4)) if code == "?" else chance.integers(0, 100, (6, 5, 4))
        plain = values.astype(code)
        made[f"layer/{np.dtype(code).name}"] = plain
        made[f"{np.dtype(code).name}.big"] = plain.astype(plain.dtype.newbyteorder(">"))
        made[f"{np.dtype(code).name}.fortran"] = np.asfortranarray(plain)
        made[f"{np.dtype(code).name}.both"] = np.asfortranarray(plain.astype(plain.dtype.newbyteorder(">")))
    made |= {"": np.float32([1, 2]), "größe": np.zeros((0, 3)), "scalar": np.array(2.5), "x.npy": np.arange(3)}
    made["nan"] = np.array([np.nan, -0.0, np.inf]).repeat(9)
    return made


def thirds() -> np.ndarray:
    """Return long doubles whose padding is zero: what it is otherwise, is chance."""
    numbers = np.zeros(5, np.longdouble)
    numbers[:] = np.arange(5, dtype=np.longdouble) / 3
    if np.finfo(np.longdouble).nmant == 63:
        numbers.view(np.uint8).reshape(5, -1)[:, 10:] = 0
    return numbers


def others() -> dict[str, np.ndarray]:
    """Arrays of dtypes that safetensors lacks."""
    pairs = (np.arange(24) * (1 + 0.5j)).reshape(2, 3, 4)
    records = np.zeros((3, 2), RECORD)
    records["threshold"] = np.arange(6).reshape(3, 2) / 7
    records["value"] = 1.5
    return {
        "complex": pairs,
        "complex.fortran": np.asfortranarray(pairs),
        "complex.big": pairs.astype(">c16"),
        "long": thirds(),
        "text": np.array([["größe", ""], ["x", "y"]]),
        "text.big": np.array(["a", "bc"], dtype=">U2"),
        "bytes": np.array([b"ab", b"\xff"]),
        "ascii": np.array([b"ab", b"c"]),
        "day": np.array(["2021-05-06", "NaT"], "M8[D]"),
        "span": np.array([1, 2], ">m8[ns]"),
        "records": records,
        "bf16": np.arange(64, dtype=ml_dtypes.bfloat16),
        "fp8": np.arange(64, dtype=ml_dtypes.float8_e4m3fn),
    }


def make(folder: Path, kind: str) -> Path:
    path = folder / "calibration.npz"
    if kind == "npy":
        np.save(folder / "calibration.npy", np.asfortranarray(np.arange(600.0).reshape(20, 30)))
        return folder / "calibration.npy"
    save = np.savez_compressed if kind == "compressed" else np.savez
    save(path, **(others() if kind == "others" else numbers() | (others() if kind == "compressed" else {})))
    return path


class TestNpz(ConverterContract):
    converter = CONVERTER

    @pytest.fixture(params=["plain", "others", "compressed", "npy"])
    def native(self, request: pytest.FixtureRequest, tmp_path: Path) -> Path:
        return make(tmp_path, request.param)

    @pytest.mark.slow
    def test_damaged_files_give_clear_errors(self, native: Path, tmp_path: Path) -> None:
        super().test_damaged_files_give_clear_errors(native, tmp_path)


def little(array: np.ndarray) -> bytes:
    return np.ascontiguousarray(array.astype(array.dtype.newbyteorder("<"))).tobytes()


@pytest.mark.parametrize("kind", ["plain", "compressed", "npy"])
def test_numbers_are_the_native_ones(kind: str, tmp_path: Path) -> None:
    native = make(tmp_path, kind)
    made = Checkpoint(convert(native, tmp_path / "x.candle").path)
    loaded = np.load(native)
    reference = {"calibration": loaded} if kind == "npy" else {name: loaded[name] for name in loaded.files}
    assert {tensor.name for tensor in made.tensors} == set(reference)
    for name, array in reference.items():
        if name in others() and name not in ("day", "span"):
            continue
        found = made.tensor("model", name)
        assert (found.shape, found.dtype.str) == (array.shape, array.dtype.str), name
        assert found.tobytes() == array.tobytes(), name


@pytest.mark.parametrize("kind", ["others", "compressed"])
def test_what_safetensors_lacks_is_encoded(kind: str, tmp_path: Path) -> None:
    made = Checkpoint(convert(make(tmp_path, kind), tmp_path / "x.candle").path)
    wanted = others()
    for name in ("complex", "complex.fortran", "complex.big", "long"):
        found = made.tensor("model", name)
        assert (found.dtype.str, found.tobytes()) == (wanted[name].dtype.str, wanted[name].tobytes()), name
    for name in ("text", "text.big", "bytes", "ascii", "day", "span"):
        found = made.tensor("model", name)
        assert (found.dtype.str, found.tolist()) == (wanted[name].dtype.str, wanted[name].tolist()), name
    for name in ("bf16", "fp8"):
        found = made.tensor("model", name)
        assert found.dtype.kind == "V"
        assert found.tobytes() == wanted[name].tobytes()
    found = made.tensor("model", "records")
    assert found.dtype == RECORD
    assert found.tobytes() == wanted["records"].tobytes()
    attributes = {t["name"]: t.get("attributes") for t in made.document["weights"]["tensors"]}
    assert attributes["day"] == {"numpy_dtype": "<M8[D]"}
    assert attributes["complex.fortran"] == {"fortran_order": True}


def test_nameless_bytes_are_warned_of(tmp_path: Path) -> None:
    native, _ = read_native(make(tmp_path, "others"))
    assert sorted(found.location.tensor for found in native.problems) == ["bf16", "fp8"]
    assert "bfloat16" in next(found.hint for found in native.problems if found.location.tensor == "bf16")


def test_stored_arrays_stand_in_the_file(tmp_path: Path) -> None:
    native = make(tmp_path, "plain")
    convert(native, tmp_path / "x.candle")
    arrays = sum(array.nbytes for array in numbers().values() if array.nbytes >= 64)
    assert next(iter(residues(tmp_path / "x.candle").values())) == native.stat().st_size - arrays


@pytest.mark.parametrize("kind", ["plain", "compressed", "npy"])
def test_a_fresh_file_holds_the_same_arrays(kind: str, tmp_path: Path) -> None:
    native = make(tmp_path, kind)
    if kind == "compressed":
        np.savez_compressed(
            native, **numbers() | {name: others()[name] for name in ("text", "bytes", "day", "complex")}
        )
    (fresh,) = restore(convert(native, tmp_path / "x.candle").path, tmp_path / "fresh", how="rebuilt")
    first, second = np.load(native), np.load(fresh.path)
    pairs = [(first, second)] if kind == "npy" else [(first[name], second[name]) for name in first.files]
    for one, two in pairs:
        assert one.shape == two.shape
        assert one.dtype.kind == two.dtype.kind
        assert little(one) == little(two)
        assert one.flags.f_contiguous == two.flags.f_contiguous


def test_objects_beside_arrays_stay_in_the_native_bytes(tmp_path: Path) -> None:
    path = tmp_path / "x.npz"
    np.savez(path, weights=np.ones(30), names=np.array([{"a": 1}, None], dtype=object))
    made = convert(path, tmp_path / "x.candle").manifest
    (part,) = [row for row in made["conversion"]["parts"] if row["what"] == "objects"]
    assert part["status"] == "residue"
    assert part["reason"].endswith("names.npy")
    assert [row["name"] for row in made["weights"]["tensors"]] == ["weights"]


@pytest.mark.parametrize("descr", [object, [("a", object)]])
def test_objects_alone_are_refused(descr: Any, tmp_path: Path) -> None:
    path = tmp_path / "x.npz"
    np.savez(path, names=np.zeros(2, dtype=descr))
    with pytest.raises(UnsupportedFormatError, match="not unpickled"):
        convert(path, tmp_path / "x.candle")
    np.save(tmp_path / "x.npy", np.zeros(2, dtype=descr), allow_pickle=True)
    with pytest.raises(UnsupportedFormatError, match="not unpickled"):
        convert(tmp_path / "x.npy", tmp_path / "x.candle")


def test_archives_of_others_are_left_alone(tmp_path: Path) -> None:
    import torch

    torch.save({"w": torch.ones(3)}, tmp_path / "a.npz")
    assert CONVERTER.detect(resolve_source(tmp_path / "a.npz")) is None
    assert registry.detect(resolve_source(tmp_path / "a.npz"))[0].name == "pytorch"
    with zipfile.ZipFile(tmp_path / "b.npz", "w") as archive:
        archive.writestr("schema.json", "{}")
        archive.writestr("1.npy", b"")
    assert CONVERTER.detect(resolve_source(tmp_path / "b.npz")) is None


def test_arrays_one_after_the_other_are_another_format(tmp_path: Path) -> None:
    path = tmp_path / "x.eqx"
    with path.open("wb") as file:
        np.save(file, np.ones(3))
        np.save(file, np.ones(4))
    assert CONVERTER.detect(resolve_source(path)) is None
    with pytest.raises(CorruptFileError, match="follow the array"):
        CONVERTER.read(resolve_source(path))


def array(header: str, data: bytes = bytes(64), version: bytes = b"\x01\x00") -> bytes:
    text = header.encode()
    length = struct.pack("<H" if version[0] == 1 else "<I", len(text))
    return b"\x93NUMPY" + version + length + text + data


def described(descr: str = "'<f4'", shape: str = "(16,)", order: str = "False", **more: Any) -> bytes:
    return array(f"{{'descr': {descr}, 'fortran_order': {order}, 'shape': {shape}, }}\n", **more)


@pytest.mark.parametrize(
    ("data", "error"),
    [
        (described(shape="(17,)"), TruncatedFileError),
        (described(shape="(15,)"), CorruptFileError),
        (described(shape="(1 << 70,)"), CorruptFileError),
        (described(shape="(1180591620717411303424,)"), CorruptFileError),
        (described(shape="(4611686018427387903,)"), LimitExceededError),
        (described(shape="(-16,)"), CorruptFileError),
        (described(shape="(True,)"), CorruptFileError),
        (described(shape="[16]"), CorruptFileError),
        (described(shape=f"({'1,' * 99})"), CorruptFileError),
        (described(order="1"), CorruptFileError),
        (described(descr="'<f3'"), CorruptFileError),
        (described(descr="'float32'"), CorruptFileError),
        (described(descr="'<V0'"), UnsupportedFormatError),
        (described(descr="'<V99999999'"), UnsupportedFormatError),
        (described(descr="[('a', '<f4'), ('a', '<f4')]"), CorruptFileError),
        (described(descr="[('a', '<f4', (16777217,))]"), CorruptFileError),
        (described(descr="[('a', '<f4', -1)]"), CorruptFileError),
        (described(descr="[('a',)]"), CorruptFileError),
        (described(descr="[]"), CorruptFileError),
        (described(descr="7"), CorruptFileError),
        (described(descr="[" * 400 + "]" * 400), CorruptFileError),
        (described(descr="'|O'"), UnsupportedFormatError),
        (described(descr="__import__('os').system('touch PWNED')"), CorruptFileError),
        (array("{'descr': '<f4'}"), CorruptFileError),
        (array("not a dictionary"), CorruptFileError),
        (array("(" * 9000), CorruptFileError),
        (described(version=b"\x09\x00"), UnsupportedFormatError),
        (b"\x93NUMPY\x02\x00\xff\xff\xff\x7f" + bytes(64), LimitExceededError),
        (b"\x93NUMPY\x01\x00", TruncatedFileError),
    ],
    ids=lambda value: None if isinstance(value, bytes) else value.__name__,
)
def test_hostile_headers(data: bytes, error: type[CandleSpecError], tmp_path: Path) -> None:
    path = tmp_path / "x.npy"
    path.write_bytes(data)
    with pytest.raises(error):
        convert(path, tmp_path / "x.candle")
    with zipfile.ZipFile(tmp_path / "x.npz", "w") as archive:
        archive.writestr("x.npy", data)
    with pytest.raises(error):
        convert(tmp_path / "x.npz", tmp_path / "x.candle")
    assert not (tmp_path / "x.candle").exists()


@pytest.mark.parametrize("version", [b"\x02\x00", b"\x03\x00"])
def test_other_versions_and_long_integers_of_python_2(version: bytes, tmp_path: Path) -> None:
    path = tmp_path / "x.npy"
    path.write_bytes(described(shape="(16L,)", version=version))
    assert convert(path, tmp_path / "x.candle").manifest["weights"]["tensors"][0]["shape"] == [16]


def test_a_changed_byte_is_said(tmp_path: Path) -> None:
    path = tmp_path / "x.npz"
    np.savez(path, w=np.arange(100.0))
    data = bytearray(path.read_bytes())
    data[data.index(np.arange(100.0).tobytes()) + 5] ^= 1
    path.write_bytes(bytes(data))
    made = convert(path, tmp_path / "x.candle")
    assert "CKP4032" in {found.code for found in made.report.problems}


def test_a_packed_array_that_is_shorter_than_it_says(tmp_path: Path) -> None:
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("x.npy", described(shape="(160,)"))
    (tmp_path / "x.npz").write_bytes(data.getvalue())
    with pytest.raises(TruncatedFileError):
        convert(tmp_path / "x.npz", tmp_path / "x.candle")


@pytest.mark.parametrize("name", ["../x.npy", "/x.npy"])
def test_names_that_leave_the_archive(name: str, tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "x.npz", "w") as archive:
        archive.writestr(name, described())
    with pytest.raises(UnsafeContentError):
        convert(tmp_path / "x.npz", tmp_path / "x.candle")


def test_the_manifest_says_what_it_was(tmp_path: Path) -> None:
    made = convert(make(tmp_path, "compressed"), tmp_path / "x.candle").manifest
    assert made["name"] == "calibration"
    assert made["model"]["framework"]["name"] == "numpy"
    assert made["conversion"]["native"]["variant"] == "npz-compressed"
    assert [row["status"] for row in made["conversion"]["parts"] if row["what"] == "packed members"] == ["residue"]
