"""Names are kept verbatim: of any length, and also where they are no Unicode text."""

from __future__ import annotations

from pathlib import Path

import pytest

from candle_spec.checkpoint.checkpoint import Checkpoint
from candle_spec.checkpoint.identity import identity
from candle_spec.conversion.convert import convert
from candle_spec.conversion.restore import restore
from candle_spec.errors import CorruptFileError
from candle_spec.names import from_json, sort_key, to_json
from candle_spec.validation import validate
from tests.helpers import checkpoints
from tests.helpers.calls import run

HALF, LONG = "w\ud800.bias", "layer." * 2_000 + "weight"
ODD = [HALF, LONG, "\udfff", "__metadata__", "tensor-1", "naïve", "x" * 1000, "x" * 1001, "a\nb", ""]


def test_names_in_json() -> None:
    assert to_json("naïve") == "naïve"
    assert to_json(HALF) == {"$str": "0077d800002e0062006900610073"}
    assert [from_json(to_json(name)) for name in ODD] == ODD


@pytest.mark.parametrize(
    "value", [7, None, {"$str": "d80"}, {"$str": "D800"}, {"$str": "0041"}, {"$str": ""}, {}, ["a"]]
)
def test_what_is_no_name(value: object) -> None:
    with pytest.raises(CorruptFileError):
        from_json(value)


def test_the_order_is_that_of_code_points() -> None:
    names = ["\U0001f600", "\ud800", "\uffff", "z", "é"]
    assert sorted(names, key=sort_key) == sorted(names)


def test_a_name_and_its_digits_are_two_identities() -> None:
    row = {"group": "model", "dtype": "F32", "shape": [1], "digest": "sha256:" + "0" * 64}
    half, digits = ({**row, "name": name} for name in (to_json("\ud800"), "d800"))
    assert identity([half])["content_digest"] != identity([digits])["content_digest"]
    assert identity([half])["values_digest"] == identity([digits])["values_digest"]


def test_a_whole_conversion(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rows = [(name, "F32", [index + 1, 40]) for index, name in enumerate(ODD) if name]
    native = checkpoints.Tiny(rows).write(tmp_path / "m.tiny")
    with checkpoints.only_tiny():
        made = convert(native, tmp_path / "m.candle")
        assert made.report.errors == []
        opened = Checkpoint(made.path)
        assert list(opened.state_dict(framework="numpy")) == [name for name, _, _ in rows]
        assert {tensor.name for tensor in opened.tensors} >= {HALF, LONG}
        assert opened.tensor("model", HALF).shape == (1, 40)
        keys = {array.key for tensor in opened.tensors for array in tensor.arrays.values()}
        assert len(keys) == len(rows)
        assert max(map(len, keys)) <= 1000
        assert validate(made.path).errors == []
        (back,) = restore(made.path, tmp_path / "back.tiny")
        assert back.path.read_bytes() == native.read_bytes()
        assert run("inspect", made.path) == 0
        assert run("inspect", made.path, "--json") == 0
        assert run("validate", made.path) == 0
        assert run("reshard", made.path, tmp_path / "again", "--shard-size", "9000") == 0
        again = Checkpoint(tmp_path / "again")
        assert list(again.state_dict(framework="numpy")) == [name for name, _, _ in rows]
    capsys.readouterr().out.encode("utf-8")
