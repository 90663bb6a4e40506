"""The reader of UBJSON: every marker, packed numbers, and what is refused before memory is taken."""

from __future__ import annotations

import contextlib
import random
import struct
from typing import Any

import numpy as np
import pytest

from candle_spec import limits
from candle_spec.errors import CandleSpecError, CorruptFileError, LimitExceededError, TruncatedFileError
from candle_spec.readers import ubjson


def load(data: bytes) -> Any:
    return ubjson.loads(data, "x")


def text(value: str) -> bytes:
    return b"L" + struct.pack(">q", len(value.encode())) + value.encode()


@pytest.mark.parametrize(
    ("data", "value"),
    [
        (b"Z", None),
        (b"T", True),
        (b"F", False),
        (b"i\xff", -1),
        (b"U\xff", 255),
        (b"I\xff\x00", -256),
        (b"l\x00\x01\x00\x00", 65536),
        (b"L" + struct.pack(">q", -(2**62)), -(2**62)),
        (b"d" + struct.pack(">f", 0.5), 0.5),
        (b"D" + struct.pack(">d", 0.1), 0.1),
        (b"Cx", "x"),
        (b"Si\x03abc", "abc"),
        (b"S" + text("β"), "β"),
        (b"Si\x01\xff", "\udcff"),
        (b"Hi\x054e999", "4e999"),
        (b"[]", []),
        (b"[ZTF]", [None, True, False]),
        (b"[NN]", []),
        (b"NNi\x01", 1),
        (b"[i\x01[Si\x01x]]", [1, ["x"]]),
        (b"[#i\x02i\x01i\x02", [1, 2]),
        (b"[$S#i\x02i\x01ai\x01b", ["a", "b"]),
        (b"[$[#i\x02i\x01]]", [[1], []]),
        (b"{}", {}),
        (b"{i\x01ai\x05}", {"a": 5}),
        (b"{#i\x01i\x01ai\x05", {"a": 5}),
        (b"{$i#i\x02i\x01a\x05i\x01b\x06", {"a": 5, "b": 6}),
        (b"{i\x01a{i\x01b[]}}", {"a": {"b": []}}),
    ],
)
def test_values(data: bytes, value: Any) -> None:
    assert load(data) == value


@pytest.mark.parametrize(
    ("marker", "layout"), [("i", "b"), ("U", "B"), ("I", "h"), ("l", "i"), ("L", "q"), ("d", "f"), ("D", "d")]
)
def test_packed_numbers_stay_where_they_are(marker: str, layout: str) -> None:
    values = [0, 1, 2, 100] if marker == "U" else [0, -1, 2, 100]
    found = load(b"[$" + marker.encode() + b"#i\x04" + struct.pack(f">4{layout}", *values))
    assert isinstance(found, ubjson.NumberArray)
    assert len(found) == 4
    array = found.numpy()
    assert array.dtype == np.dtype(layout)
    assert array.dtype.isnative
    assert array.tolist() == values


def test_the_bits_of_a_nan_are_kept() -> None:
    found = load(b"[$d#i\x01\x7f\xc0\x12\x34")
    assert found.numpy().astype(">f4").tobytes() == b"\x7f\xc0\x12\x34"


def test_members_stand_where_they_are_said_to() -> None:
    data = b"{" + text("a") + b"[i\x01i\x02]" + text("model") + b"{i\x01b[$d#i\x01\x00\x00\x00\x00}N}"
    spans = ubjson.members(data, "x")
    assert data[slice(*spans["a"])] == b"[i\x01i\x02]"
    assert load(data[slice(*spans["model"])])["b"].numpy().tolist() == [0.0]
    with pytest.raises(CorruptFileError, match="not an object"):
        ubjson.members(b"[]", "x")


HOSTILE: dict[str, tuple[bytes, type[CandleSpecError], str]] = {
    "nothing": (b"", TruncatedFileError, "ends inside"),
    "an unknown marker": (b"x", CorruptFileError, "no value begins"),
    "an end without a beginning": (b"]", CorruptFileError, "no value begins"),
    "more than one value": (b"TT", CorruptFileError, "follow the document"),
    "an array that never ends": (b"[i\x01", TruncatedFileError, "ends inside"),
    "a number cut off": (b"l\x00", TruncatedFileError, "4 bytes are needed, 1 are left"),
    "a text beyond the end": (b"Sl\x7f\xff\xff\xff", TruncatedFileError, "ends inside"),
    "a text of negative length": (b"Si\xff", CorruptFileError, "a length of -1"),
    "a text without a length": (b"Sd\x00\x00\x00\x00", CorruptFileError, "not a whole number"),
    "packed numbers beyond the end": (b"[$d#L" + struct.pack(">q", 2**62), TruncatedFileError, "ends inside"),
    "values beyond the end": (b"[#L" + struct.pack(">q", 2**62), TruncatedFileError, "ends inside"),
    "a negative number of values": (b"[#L" + struct.pack(">q", -5), CorruptFileError, "a length of -5"),
    "values that take no bytes": (b"[$Z#L" + struct.pack(">q", 2**62), LimitExceededError, "take no bytes"),
    "members that take no bytes": (b"{$T#i\x01i\x01a", LimitExceededError, "take no bytes"),
    "a type without a number": (b"[$i]", CorruptFileError, "without their number"),
    "a key twice": (b"{i\x01aTi\x01aF}", CorruptFileError, "stands twice"),
    "a key without a length": (b"{Si\x01aT}", CorruptFileError, "no length"),
    "arrays too deep": (b"[" * 5000, LimitExceededError, "deeper"),
    "typed arrays too deep": (b"[$[#i\x01" + b"$[#i\x01" * 5000, LimitExceededError, "deeper"),
    "objects too deep": (b"{i\x01a" * 5000, LimitExceededError, "deeper"),
}


@pytest.mark.parametrize("what", HOSTILE)
def test_hostile_documents(what: str) -> None:
    data, error, words = HOSTILE[what]
    with pytest.raises(error, match=words):
        load(data)


def test_too_many_values(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "UBJSON_VALUES", 10)
    with pytest.raises(LimitExceededError, match="more than 10 values"):
        load(b"[" + b"Z" * 11 + b"]")


def test_any_change_gives_a_value_or_a_clear_error() -> None:
    chance = random.Random(3)
    sound = b"{" + text("a") + b"[$d#L" + struct.pack(">q2f", 2, 0.5, 1) + text("b") + b"[#i\x02Si\x01xl\0\0\0\1}"
    load(sound)
    for _ in range(3000):
        changed = bytearray(sound)
        for _ in range(chance.randint(1, 3)):
            changed[chance.randrange(len(changed))] = chance.randrange(256)
        with contextlib.suppress(CandleSpecError):
            load(bytes(changed[: chance.randint(0, len(changed))]))
