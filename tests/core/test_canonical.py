"""JSON is read strictly, hashed by RFC 8785 and written the same every time."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from candle_spec import limits
from candle_spec.canonical import canonical, loads, loads_with_note, pretty, tag_number
from candle_spec.errors import CandleSpecError, InvalidInputError
from candle_spec.manifest.plain import scan

safe = 2**53 - 1
scalars = st.none() | st.booleans() | st.integers(-safe, safe) | st.floats(-safe, safe) | st.text()
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(st.text(), inner, max_size=5),
    max_leaves=30,
)

FAULTS = [
    ("CKP0001", b'{"a": "\xff"}'),
    ("CKP0002", b'{"a": }'),
    ("CKP0002", b""),
    ("CKP0003", b'{"a": 1, "b": {"c": 1, "c": 2}}'),
    ("CKP0003", b'{"a": 1, "\\u0061": 2}'),
    ("CKP0003", b'[{"a\\"": "\\\\", "b": "\\""}, {"a\\"": 1, "a\\"": 2}]'),
    ("CKP0003", b'{"a": "x", "a": {"b": "y"}}'),
    ("CKP0004", b"[" * 300 + b"]" * 300),
    ("CKP0004", b"[" * 100_000),
    ("CKP0004", b"1" * 5_000),
    ("CKP0005", b"\xef\xbb\xbf{}"),
    ("CKP0006", b"[NaN]"),
    ("CKP0006", b"[-Infinity]"),
    ("CKP0006", b"[1e999]"),
]


@pytest.mark.parametrize(("code", "data"), FAULTS)
def test_each_fault_has_its_code(code: str, data: bytes) -> None:
    with pytest.raises(CandleSpecError) as caught:
        loads(data, location="x.json")
    assert caught.value.code == code
    assert caught.value.location.startswith("x.json")


def written(value: Any) -> str:
    """JSON in which an object is a list of its members, so that keys can come twice."""
    if isinstance(value, tuple):
        return "{" + ", ".join(f"{json.dumps(key)}: {written(item)}" for key, item in value) + "}"
    return "[" + ", ".join(map(written, value)) + "]" if isinstance(value, list) else json.dumps(value)


def twice(value: Any) -> bool:
    if isinstance(value, tuple):
        keys = [key for key, _ in value]
        return len(set(keys)) < len(keys) or any(twice(item) for _, item in value)
    return isinstance(value, list) and any(map(twice, value))


keys = st.text('a"\\:{ü\n', max_size=2)
members = st.recursive(
    st.text('a"\\:[ü\n', max_size=3) | st.integers(),
    lambda inner: st.lists(inner, max_size=3) | st.lists(st.tuples(keys, inner), max_size=4).map(tuple),
    max_leaves=12,
)


@given(members)
def test_duplicate_keys_are_found_by_counting_quotes(value: Any) -> None:
    data = written(value).encode()
    if twice(value):
        with pytest.raises(CandleSpecError) as caught:
            loads(data, location="x")
        assert caught.value.code == "CKP0003"
    else:
        assert loads(data, location="x") == json.loads(data)


@given(values)
def test_what_is_called_plain_needs_no_second_look(value: Any) -> None:
    document, plain = loads_with_note(json.dumps(value).encode(), location="x")
    found = scan(document)
    assert not plain or not (found.not_json or found.problems or found.whole)


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        ('{"a": ["b", 0.5, true, null, -9007199254740991]}', True),
        ('{"a": 9007199254740992}', False),
        ('{"a": ["b", 1.0]}', False),
        ('{"a": "\\ud800"}', False),
        ('{"ü": 1}', False),
    ],
)
def test_which_documents_are_plain(text: str, plain: bool) -> None:
    assert loads_with_note(text.encode(), location="x")[1] is plain


@pytest.mark.parametrize(("opening", "closing"), [("[", "]"), ('{"a": ', "}")])
def test_the_deepest_document(opening: str, closing: str) -> None:
    def nested(levels: int) -> bytes:
        return (opening * levels + "0" + closing * levels).encode()

    loads(nested(limits.JSON_DEPTH), location="x")
    with pytest.raises(CandleSpecError, match="more than 256 deep"):
        loads(nested(limits.JSON_DEPTH + 1), location="x")


def test_a_document_that_is_too_large(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "JSON_BYTES", 10)
    with pytest.raises(CandleSpecError, match="more than 10"):
        loads(b"[1, 2, 3, 4]", location="x")


@given(values)
def test_readable_form_reads_back(value: Any) -> None:
    data = pretty(value, one_line=("tensors",))
    assert loads(data, location="x") == value
    assert pretty(loads(data, location="x"), one_line=("tensors",)) == data


@given(values)
def test_canonical_form_is_one(value: Any) -> None:
    data = canonical(value)
    assert canonical(json.loads(data)) == data


def test_canonical_vectors() -> None:
    """From RFC 8785, section 3.2.3 and appendix B."""
    numbers = [333333333.33333329, 1e30, 4.5, 2e-3, 1e-27, 0.0, -0.0, 5e-324, 9007199254740991]
    assert canonical(numbers) == b"[333333333.3333333,1e+30,4.5,0.002,1e-27,0,0,5e-324,9007199254740991]"
    keys = {"€": 1, "\r": 2, "\ufb33": 3, "1": 4, "😀": 5, "\x80": 6, "ö": 7}
    assert list(json.loads(canonical(keys)).values()) == [2, 4, 6, 7, 1, 5, 3]


@pytest.mark.parametrize("value", [2**53, float("nan"), "\ud800"])
def test_what_has_no_canonical_form(value: Any) -> None:
    with pytest.raises(InvalidInputError):
        canonical(value)


def test_one_tensor_a_line() -> None:
    text = pretty({"tensors": [{"name": "a", "shape": [1, 2]}, {"name": "b"}]}, one_line=("tensors",)).decode()
    assert text.splitlines()[2:4] == ['    {"name": "a", "shape": [1, 2]},', '    {"name": "b"}']


@pytest.mark.parametrize(
    ("value", "tagged"),
    [(1, 1), (True, True), (2**53, {"$int": "9007199254740992"}), (0.5, 0.5), (float("inf"), {"$float": "inf"})],
)
def test_tagged_numbers(value: Any, tagged: Any) -> None:
    assert tag_number(value) == tagged
    assert type(tag_number(value)) is type(tagged)
