"""Files that would run code or exhaust the machine: nothing runs, and the answer is clear and quick."""

from __future__ import annotations

import io
import os
import pickle
import struct
import time
import zipfile
from pathlib import Path
from typing import Any

import pytest

import candle_spec
from candle_spec.errors import CandleSpecError


class Runs:
    """Would call a function when it is unpickled."""

    def __init__(self, function: Any, *args: Any) -> None:
        self._call = (function, args)

    def __reduce__(self) -> Any:
        return self._call


@pytest.fixture
def marker(tmp_path: Path) -> Path:
    return tmp_path / "IT_RAN"


def payloads(marker: Path) -> dict[str, Any]:
    touch = f"open({str(marker)!r}, 'w')"
    return {
        "system": Runs(os.system, f"touch {marker}"),
        "eval": Runs(eval, touch),
        "exec": Runs(exec, touch),
        "import": Runs(__import__, "antigravity"),
        "getattr": Runs(getattr, "text", "format"),
        "open": Runs(open, str(marker), "w"),
    }


@pytest.mark.parametrize("name", ["system", "eval", "exec", "import", "getattr", "open"])
@pytest.mark.parametrize("legacy", [False, True], ids=["zip", "legacy"])
def test_nothing_runs(name: str, legacy: bool, marker: Path, tmp_path: Path) -> None:
    import torch

    path = tmp_path / "model.pt"
    native = {"w": torch.ones(20), "x": payloads(marker)[name]}
    torch.save(native, path, _use_new_zipfile_serialization=not legacy)
    made = candle_spec.convert(path, tmp_path / "model.candle")
    candle_spec.inspect(path)
    made.state()
    assert not marker.exists()
    (found,) = made.document["security"]["inert_pickle"]
    assert found["unknown_imports"]
    report = candle_spec.validate(made.path, strict_safe=True)
    assert "CKP5001" in {problem.code for problem in report.errors}


def zipped(members: dict[str, bytes], folder: Path, compress: int = zipfile.ZIP_STORED) -> Path:
    path = folder / "model.pt"
    with zipfile.ZipFile(path, "w", compress) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return path


def legacy_tensor(shape: tuple[int, ...], numel: int, offset: int = 0) -> bytes:
    """A pickle as torch writes it for one tensor, with sizes of our choice."""

    import torch

    class Storage:
        pass

    class Tensor:
        def __reduce__(self) -> Any:
            strides = tuple(1 for _ in shape)
            return torch._utils._rebuild_tensor_v2, (Storage(), offset, shape, strides, False, None)

    class Pickler(pickle.Pickler):
        def persistent_id(self, obj: Any) -> Any:
            return ("storage", torch.FloatStorage, "0", "cpu", numel) if isinstance(obj, Storage) else None

    buffer = io.BytesIO()
    Pickler(buffer, 2).dump({"w": Tensor()})
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("shape", "numel", "offset"),
    [((1000,), 4, 0), ((4,), 4, 1), ((2**40,), 4, 0), ((4,), 2**40, 0), ((2**31, 2**31), 4, 0), ((1,) * 100, 4, 0)],
)
def test_tensors_beyond_their_storage(shape: tuple[int, ...], numel: int, offset: int, tmp_path: Path) -> None:
    path = zipped({"m/data.pkl": legacy_tensor(shape, numel, offset), "m/data/0": bytes(16)}, tmp_path)
    with pytest.raises(CandleSpecError):
        candle_spec.convert(path, tmp_path / "out")


HOSTILE_PICKLES = {
    "long string": b"\x80\x04\x8d" + struct.pack("<Q", 2**62) + b".",
    "long bytes": b"\x80\x04\x8e" + struct.pack("<Q", 2**40) + b".",
    "memo index": b"\x80\x02Nr\xff\xff\xff\xff.",
    "deep lists": b"\x80\x02" + b"]" * 200_000 + b"a" * 199_999 + b".",
    "deep tuples": b"\x80\x02N" + b"\x85" * 200_000 + b".",
    "no stop": b"\x80\x02" + b"N" * 1000,
    "nothing": b"",
    "protocol 99": b"\x80\x63N.",
    "doubling": b"\x80\x02]q\x00" + b"h\x00h\x00\x86" * 1000 + b".",
}


@pytest.mark.parametrize("name", sorted(HOSTILE_PICKLES))
def test_hostile_pickles(name: str, tmp_path: Path) -> None:
    path = zipped({"m/data.pkl": HOSTILE_PICKLES[name]}, tmp_path)
    started = time.process_time()
    try:
        candle_spec.convert(path, tmp_path / "out")
    except CandleSpecError:
        assert not (tmp_path / "out").exists()
    assert time.process_time() - started < 10


def test_hostile_archives(tmp_path: Path) -> None:
    good = pickle.dumps({"w": 1}, 2)
    for members in ({"../m/data.pkl": good}, {"/m/data.pkl": good}, {"m/data.pkl": good, "m/../../x": b"1"}):
        with pytest.raises(CandleSpecError):
            candle_spec.convert(zipped(members, tmp_path), tmp_path / "out")


def test_a_bomb_is_not_unpacked(tmp_path: Path) -> None:
    """The directory states more than deflate can do, or more than is there."""
    path = zipped({"m/data.pkl": b"\x80\x02" + b"N" * 100_000 + b"."}, tmp_path, zipfile.ZIP_DEFLATED)
    data = bytearray(path.read_bytes())
    sizes = data.rindex(b"PK\x01\x02") + 24
    for stated in (2**31, 100):
        data[sizes : sizes + 4] = struct.pack("<I", stated)
        path.write_bytes(bytes(data))
        started = time.process_time()
        with pytest.raises(CandleSpecError):
            candle_spec.convert(path, tmp_path / "out")
        assert time.process_time() - started < 5


def test_a_name_twice(tmp_path: Path) -> None:
    path = tmp_path / "model.pt"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("m/data.pkl", pickle.dumps({"a": 1}, 2))
        with pytest.warns(UserWarning, match="Duplicate"):
            archive.writestr("m/data.pkl", pickle.dumps({"b": 1}, 2))
    with pytest.raises(CandleSpecError, match="two entries"):
        candle_spec.convert(path, tmp_path / "out")
