"""Values of less than a byte and quantised tensors of every scheme: the same tensors as torch has, the same file."""

from __future__ import annotations

import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

import candle_spec
from candle_spec.checkpoint.inventory import Tensor
from candle_spec.conversion.convert import convert
from candle_spec.conversion.restore import restore
from candle_spec.errors import UnsupportedFormatError
from candle_spec.validation import validate
from candle_spec.validation.rules.encodings import encoding_fault

pytestmark = pytest.mark.filterwarnings("ignore:.*quantize:UserWarning")


def per_channel(dtype: torch.dtype, *, floats: bool, shape: tuple[int, ...] = (4, 8)) -> Any:
    zeros = torch.rand(shape[0]) if floats else torch.arange(shape[0])
    scales = torch.rand(shape[0]) + 0.01
    return torch.quantize_per_channel(torch.randn(*shape), scales, zeros, 0, dtype)


MADE: dict[str, Callable[[], Any]] = {
    "float zero points": lambda: per_channel(torch.quint8, floats=True),
    "whole zero points": lambda: per_channel(torch.qint8, floats=False),
    "per tensor": lambda: torch.quantize_per_tensor(torch.randn(3, 5), 0.1, 3, torch.quint8),
    "four bits": lambda: per_channel(torch.quint4x2, floats=True),
    "two bits": lambda: per_channel(torch.quint2x4, floats=True),
    "an odd row of four bits": lambda: per_channel(torch.quint4x2, floats=True, shape=(3, 5)),
    "float4": lambda: torch.arange(32, dtype=torch.uint8).reshape(4, 8).view(torch.float4_e2m1fn_x2),
}
DTYPES = {
    "float zero points": ("QU8", [4, 8], ["F32", "F32"]),
    "whole zero points": ("QI8", [4, 8], ["F64", "I64"]),
    "per tensor": ("QU8", [3, 5], ["F64", "I64"]),
    "four bits": ("QU4", [4, 8], ["F32", "F32"]),
    "two bits": ("QU2", [4, 8], ["F32", "F32"]),
    "an odd row of four bits": ("QU4", [3, 5], ["F32", "F32"]),
    "float4": ("F4", [4, 16], []),
}


def storage(tensor: Any) -> list[int]:
    """Return the bytes that hold values; torch has more, with chance in them, where the rows share bytes."""
    bits = {torch.quint4x2: 4, torch.quint2x4: 2}.get(tensor.dtype)
    held = list(tensor.untyped_storage())
    return held[: -(-tensor.numel() * bits // 8)] if bits else held


@pytest.mark.parametrize("kind", MADE)
def test_every_value_is_kept(kind: str, tmp_path: Path) -> None:
    torch.manual_seed(0)
    before = MADE[kind]()
    torch.save({"weight": before, "bias": torch.ones(2)}, tmp_path / "m.pt")
    made = convert(tmp_path / "m.pt", tmp_path / "m.candle")
    assert validate(made.path).errors == []
    (entry,) = [row for row in made.manifest["weights"]["tensors"] if row["name"] == "weight"]
    dtype, shape, parts = DTYPES[kind]
    assert (entry["dtype"], entry["shape"]) == (dtype, shape)
    stored = entry.get("encoding", {"parts": {}})["parts"]
    assert [stored[part]["dtype"] for part in ("scales", "zero_points") if part in stored] == parts
    after = candle_spec.load(made.path).state_dict(framework="torch")["weight"]
    assert (after.dtype, after.shape, storage(after)) == (before.dtype, before.shape, storage(before))
    if before.is_quantized:
        assert after.qscheme() == before.qscheme()
        assert torch.equal(after.dequantize(), before.dequantize())
    (back,) = restore(made.path, tmp_path / "back.pt")
    assert back.path.read_bytes() == (tmp_path / "m.pt").read_bytes()


@pytest.mark.parametrize(("dtype", "bits"), [(torch.quint4x2, 4), (torch.quint2x4, 2)])
def test_the_first_value_has_the_lowest_bits(dtype: torch.dtype, bits: int) -> None:
    """What spec.md says of packed integers is what torch does: value = (integer - zero point) * scale."""
    torch.manual_seed(1)
    tensor = per_channel(dtype, floats=True)
    integers = [byte >> shift & (1 << bits) - 1 for byte in storage(tensor) for shift in range(0, 8, bits)]
    scales, zeros = tensor.q_per_channel_scales()[:, None], tensor.q_per_channel_zero_points()[:, None]
    assert torch.equal((torch.tensor(integers).reshape(4, 8) - zeros) * scales, tensor.dequantize())


def test_a_view_into_shared_bytes_is_refused(tmp_path: Path) -> None:
    torch.save({"w": per_channel(torch.quint4x2, floats=True, shape=(4, 4))}, tmp_path / "whole.pt")
    turned = 0
    with zipfile.ZipFile(tmp_path / "whole.pt") as whole, zipfile.ZipFile(tmp_path / "m.pt", "w") as other:
        for name in whole.namelist():
            data = whole.read(name)
            turned += data.count(b"K\x04K\x01\x86")
            other.writestr(name, data.replace(b"K\x04K\x01\x86", b"K\x01K\x04\x86"))
    assert turned == 1
    with pytest.raises(UnsupportedFormatError, match="share bytes"):
        convert(tmp_path / "m.pt", tmp_path / "m.candle")


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        ({"params": {"scheme": "per_tensor"}}, "one scale"),
        ({"params": {"scheme": "per_row", "axis": 0}}, "is none"),
        ({"params": {"scheme": "per_channel", "axis": 1}}, "each place"),
        ({"params": {"scheme": "per_channel", "axis": True}}, "each place"),
        ({"params": {"scheme": "per_channel", "axis": 0, "bits": 2, "order": "low-first"}}, "bits and order"),
        ({"params": {"scheme": "per_channel", "axis": 0, "bits": 4, "order": "middle-first"}}, "bits and order"),
        ({"shape": (4, 9)}, "values must be"),
    ],
)
def test_what_does_not_fit(change: dict[str, Any], fault: str, tmp_path: Path) -> None:
    from dataclasses import replace

    torch.save({"weight": per_channel(torch.quint4x2, floats=True)}, tmp_path / "m.pt")
    (tensor,) = candle_spec.load(convert(tmp_path / "m.pt", tmp_path / "m.candle").path).tensors
    assert isinstance(tensor, Tensor)
    assert encoding_fault(tensor) == ""
    assert fault in encoding_fault(replace(tensor, **change))
