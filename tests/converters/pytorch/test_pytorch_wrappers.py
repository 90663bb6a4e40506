"""Tensors of torch that consist of others, archives packed again, lists of features, texts of Python 2."""

from __future__ import annotations

import zipfile
from pathlib import Path

import numpy as np
import pytest

import candle_spec
from candle_spec.conversion.convert import convert
from candle_spec.conversion.restore import restore

torch = pytest.importorskip("torch")

pytestmark = pytest.mark.slow


def converted(folder: Path, value: object) -> candle_spec.Checkpoint:
    """Save, convert, restore and compare the bytes."""
    native = folder / "model.pt"
    torch.save(value, native)
    return of_file(native)


def of_file(native: Path) -> candle_spec.Checkpoint:
    out = native.with_suffix(".candle")
    convert(native, out)
    restore(out, native.with_suffix(".back"))
    assert native.with_suffix(".back").read_bytes() == native.read_bytes()
    return candle_spec.load(out)


def names(checkpoint: candle_spec.Checkpoint) -> set[str]:
    return {tensor.name for tensor in checkpoint.tensors}


def test_wrapped_tensors_are_named_by_their_attributes(tmp_path):
    from torch.testing._internal.two_tensor import TwoTensor

    inner = TwoTensor(torch.arange(4.0), torch.arange(4.0) * 2)
    checkpoint = converted(tmp_path, {"w": inner, "deep": TwoTensor(inner, torch.ones(4)), "bias": torch.ones(2)})
    assert {"w.a", "w.b", "deep.b", "bias"} <= names(checkpoint)
    assert checkpoint.state_dict()["w.b"].tolist() == [0.0, 2.0, 4.0, 6.0]


def test_nested_tensor(tmp_path):
    checkpoint = converted(tmp_path, {"n": torch.nested.nested_tensor([torch.ones(2, 3), torch.ones(1, 3)])})
    assert names(checkpoint) == {"n.buffer", "n.sizes", "n.strides", "n.offsets"}


def test_attributes_of_a_parameter_are_kept(tmp_path):
    parameter = torch.nn.Parameter(torch.ones(3))
    parameter.beside = torch.zeros(2)
    assert names(converted(tmp_path, {"p": parameter})) == {"p", "p.beside"}


def test_archive_packed_again(tmp_path):
    torch.save({"weight": torch.arange(300.0).reshape(100, 3).t(), "bias": torch.ones(3)}, tmp_path / "one.pt")
    packed = tmp_path / "two.pt"
    with (
        zipfile.ZipFile(tmp_path / "one.pt") as old,
        zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as new,
    ):
        new.writestr("other/", b"")
        for name in old.namelist():
            with new.open("other/" + name.split("/", 1)[1], "w") as member:
                member.write(old.read(name))
    again, first = of_file(packed), of_file(tmp_path / "one.pt")
    assert again.state_dict()["weight"].equal(first.state_dict()["weight"])


@pytest.mark.parametrize("kind", [object, "U8", list])
def test_features_that_scvi_keeps(tmp_path, kind):
    genes = ["TP53", "BRCA1", "EGFR"]
    listed = genes if kind is list else np.array(genes, dtype=kind)
    checkpoint = converted(tmp_path, {"model_state_dict": {"a.weight": torch.ones(3)}, "var_names": listed})
    about = checkpoint.document["inputs"][0]["feature_list"]
    assert about["count"] == 3
    assert (checkpoint.path / about["path"]).read_text().splitlines() == genes
