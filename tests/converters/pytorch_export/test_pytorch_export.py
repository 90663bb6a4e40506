"""Exported programs: every tensor as torch gives it, aliases, constants, pickles not followed, damaged files."""

from __future__ import annotations

import json
import pickle
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

import candle_spec
from candle_spec.conversion.convert import convert
from candle_spec.converters.pytorch_export import CONVERTER
from candle_spec.errors import CandleSpecError, CorruptFileError, UnsupportedFormatError
from candle_spec.testing.contract import ConverterContract


class Net(torch.nn.Module):
    """A tied weight, buffers of several dtypes, a constant."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.a = torch.nn.Linear(4, 4)
        self.b = torch.nn.Linear(4, 4)
        self.b.weight = self.a.weight
        self.register_buffer("scale", torch.arange(4).to(torch.bfloat16))
        self.register_buffer("turned", torch.arange(12.0).reshape(3, 4).t())
        self.constant = torch.ones(4)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.b(self.a(x)) * self.scale.float() + self.constant + self.turned.sum(1)


def export(path: Path) -> Path:
    torch.export.save(torch.export.export(Net(), (torch.ones(2, 4),)), path)
    return path


def changed(path: Path, change: Callable[[str, bytes], bytes | None]) -> Path:
    """Write the archive again with other entries."""
    sound = export(path.with_name("sound.pt2"))
    with zipfile.ZipFile(sound) as old, zipfile.ZipFile(path, "w") as new:
        for name in old.namelist():
            data = change(name, old.read(name))
            if data is not None:
                new.writestr(name, data)
    return path


class TestPyTorchExport(ConverterContract):
    converter = CONVERTER

    @pytest.fixture
    def native(self, tmp_path: Path) -> Path:
        return export(tmp_path / "uno.pt2")


def test_every_tensor(tmp_path: Path) -> None:
    made = convert(export(tmp_path / "uno.pt2"), tmp_path / "x.candle")
    checkpoint = candle_spec.load(made.path)
    found = checkpoint.state_dict(framework="torch")
    expected = Net().state_dict()
    assert set(found) == set(expected)
    for name, value in expected.items():
        assert found[name].dtype == value.dtype
        assert torch.equal(found[name], value), name
    assert found["a.weight"] is found["b.weight"]
    assert checkpoint.state_dict("other.constants", framework="torch")["constant"].tolist() == [1.0] * 4
    roles = {tensor["name"]: tensor["role"] for tensor in made.manifest["weights"]["tensors"]}
    assert (roles["a.weight"], roles["scale"]) == ("parameter", "buffer")


def test_the_restored_program_predicts_the_same(tmp_path: Path) -> None:
    native = export(tmp_path / "uno.pt2")
    made = convert(native, tmp_path / "x.candle").path
    (restored,) = candle_spec.restore(made, tmp_path / "back.pt2")
    x = torch.randn(2, 4)
    outputs = [torch.export.load(path).module()(x) for path in (native, restored.path)]
    assert torch.equal(*outputs)


def test_paths_of_the_authors_are_warned_about(tmp_path: Path) -> None:
    made = convert(export(tmp_path / "uno.pt2"), tmp_path / "x.candle")
    assert made.native.problems[0].code == "CKP5020"
    assert "paths of its authors" in made.native.problems[0].message


def test_pickles_are_named(tmp_path: Path) -> None:
    made = convert(export(tmp_path / "uno.pt2"), tmp_path / "x.candle").manifest
    (pickle,) = made["security"]["inert_pickle"]
    assert "sample_inputs/model.pt" in pickle["member"]
    part = next(part for part in made["conversion"]["parts"] if part["what"] == "sample inputs")
    assert part["status"] == "residue"


def edited(name: str, data: bytes, **values: Any) -> bytes:
    """Change the description of one tensor."""
    if not name.endswith("model_weights_config.json"):
        return data
    document = json.loads(data)
    about = document["config"]["a.bias"]
    for key, value in values.items():
        (about if key in about else about["tensor_meta"])[key] = value
    return json.dumps(document).encode()


@pytest.mark.parametrize(
    ("values", "error"),
    [
        ({"sizes": [{"as_int": 5}]}, CorruptFileError),
        ({"sizes": [{"as_int": -1}]}, CorruptFileError),
        ({"sizes": "x"}, CorruptFileError),
        ({"strides": []}, CorruptFileError),
        ({"storage_offset": {"as_int": 2**62}}, CorruptFileError),
        ({"dtype": 99}, UnsupportedFormatError),
        ({"layout": 2}, UnsupportedFormatError),
        ({"path_name": "../../../secret"}, CorruptFileError),
        ({"tensor_meta": []}, CorruptFileError),
    ],
)
def test_descriptions_that_do_not_fit(values: dict[str, Any], error: type[CandleSpecError], tmp_path: Path) -> None:
    native = changed(tmp_path / "m.pt2", lambda name, data: edited(name, data, **values))
    with pytest.raises(error):
        convert(native, tmp_path / "x.candle")


def test_tensors_that_are_pickles_stay_in_the_native_bytes(tmp_path: Path) -> None:
    native = changed(tmp_path / "m.pt2", lambda name, data: edited(name, data, use_pickle=True))
    made = convert(native, tmp_path / "x.candle").manifest
    part = next(part for part in made["conversion"]["parts"] if part["what"] == "pickled tensors")
    assert "a.bias" in part["reason"]
    assert "a.bias" not in {tensor["name"] for tensor in made["weights"]["tensors"]}


def test_entries_that_are_missing(tmp_path: Path) -> None:
    native = changed(tmp_path / "m.pt2", lambda name, data: None if name.endswith("weight_1") else data)
    with pytest.raises(CorruptFileError, match="lacks"):
        convert(native, tmp_path / "x.candle")


def test_the_first_version_is_refused(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "m.pt2", "w") as archive:
        archive.writestr("serialized_exported_program.json", "{}")
        archive.writestr("serialized_state_dict.pt", b"PK")
    with pytest.raises(UnsupportedFormatError, match=r"before torch 2\.6"):
        convert(tmp_path / "m.pt2", tmp_path / "x.candle")


@pytest.mark.parametrize("data", [pickle.dumps(Path("x")), b"not a pickle at all"], ids=["plain pickle", "no pickle"])
def test_a_sample_that_is_no_archive(tmp_path: Path, data: bytes) -> None:
    def other(name: str, old: bytes) -> bytes:
        return data if name.endswith("sample_inputs/model.pt") else old

    made = convert(changed(tmp_path / "uno.pt2", other), tmp_path / "x.candle")
    named = [name for found in made.manifest["security"]["inert_pickle"] for name in found["imports"]]
    unknown = [part for part in made.manifest["conversion"]["parts"] if part["what"].startswith("pickle ")]
    assert bool(unknown) != any("pathlib" in name for name in named)
