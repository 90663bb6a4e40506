"""Reading JSON and YAML: what is refused, with which code; and on which line each value stands."""

from __future__ import annotations

import contextlib
import io
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from ruamel.yaml import YAML

from candle_spec import limits, pointer
from candle_spec.canonical import pretty
from candle_spec.errors import CandleSpecError, CorruptFileError, LimitExceededError
from candle_spec.manifest import check, load_document

EXAMPLE = Path(__file__).resolve().parents[2] / "schemas" / "checkpoint" / "examples" / "valid" / "keras_hallmarks.json"

JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)


def yaml(text: str | bytes) -> Any:
    return load_document(text if isinstance(text, bytes) else text.encode(), "m.yaml").value


def refused(data: bytes | str, location: str) -> CandleSpecError:
    with pytest.raises((CorruptFileError, LimitExceededError)) as caught:
        load_document(data.encode() if isinstance(data, str) else data, location)
    error = caught.value
    assert isinstance(error, CandleSpecError)
    assert error.location.startswith(location)
    return error


class TestJson:
    def test_a_path_is_read(self, tmp_path: Path) -> None:
        path = tmp_path / "m.json"
        path.write_text('{"a": [1]}')
        document = load_document(path)
        assert (document.value, document.location) == ({"a": [1]}, str(path))

    @pytest.mark.parametrize(
        ("data", "code"),
        [
            (b"\xff", "CKP0001"),
            (b"{", "CKP0002"),
            (b"", "CKP0002"),
            (b"<html>", "CKP0002"),
            (b'{"a": 1, "a": 2}', "CKP0003"),
            (b"[" * 5000 + b"]" * 5000, "CKP0004"),
            (b"1" * 5000, "CKP0004"),
            (b"\xef\xbb\xbf{}", "CKP0005"),
            (b"[NaN]", "CKP0006"),
            (b"[1e999]", "CKP0006"),
        ],
    )
    def test_refused(self, data: bytes, code: str) -> None:
        assert refused(data, "m.json").code == code

    def test_a_large_file_is_refused_before_it_is_read(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        path = tmp_path / "m.json"
        path.write_text("[]")
        monkeypatch.setattr(limits, "JSON_BYTES", 1)
        with pytest.raises(LimitExceededError) as caught:
            load_document(path)
        assert caught.value.code == "CKP0004"

    @settings(max_examples=60, deadline=None)
    @given(JSON, st.sampled_from([None, 1, 4]), st.booleans())
    def test_positions(self, value: Any, indent: int | None, ascii_only: bool) -> None:
        text = json.dumps(value, indent=indent, ensure_ascii=ascii_only)
        try:
            data = text.encode()
        except UnicodeEncodeError:  # half of a surrogate pair
            return
        document = load_document(data, "m.json")
        lines = text.split("\n")
        for at, leaf in pointer.leaves(value):
            line, column = document.positions.find(at)
            rest = "\n".join([lines[line - 1][column - 1 :], *lines[line:]])
            decoder = json.JSONDecoder()
            found, end = decoder.raw_decode(rest)
            parts = pointer.split(at)
            above = pointer.get(value, pointer.join(parts[:-1])) if parts else None
            if isinstance(above, dict):
                assert found == parts[-1]
                found, _ = decoder.raw_decode(rest[end:].lstrip(" \n").removeprefix(":").lstrip(" \n"))
            assert found == leaf

    def test_a_place_that_is_not_there_is_that_of_its_object(self) -> None:
        document = load_document(b'{\n  "a": {\n    "b": [1, 2]\n  }\n}', "m.json")
        assert document.positions.find("/a/b/1") == (3, 14)
        assert document.positions.find("/a/b/7") == (3, 5)
        assert document.positions.find("/a/zzz/1") == (2, 3)
        assert document.positions.find("/a/b/0/c") == (3, 11)
        assert document.positions.find("") == (1, 1)

    def test_problems_are_located(self) -> None:
        value = json.loads(EXAMPLE.read_bytes())
        value["files"][1]["size"] = "x"
        document = load_document(pretty(value), "m.json")
        (problem,) = [document.locate(each) for each in check(document.value) if each.severity == "error"]
        line = pretty(value).decode().split("\n")[(problem.location.line or 0) - 1]
        assert line[(problem.location.column or 0) - 1 :].startswith('"size": "x"')


class TestYaml:
    def test_the_core_schema(self) -> None:
        text = (
            "a: [1, -3, +4, 0, 2.5, 1.0e-5, .5, true, False, null, ~, ]\nb: no news\nc: 'no'\nd:\ne: 1.0.0\n"
            "f: 2025-11-24\ng: |\n  two\n  lines\nh: !!str 12\ni: 0.1\nj: {}\nk: []\n"
        )
        assert yaml(text) == {
            "a": [1, -3, 4, 0, 2.5, 1e-05, 0.5, True, False, None, None],
            "b": "no news",
            "c": "no",
            "d": None,
            "e": "1.0.0",
            "f": "2025-11-24",
            "g": "two\nlines\n",
            "h": "12",
            "i": 0.1,
            "j": {},
            "k": [],
        }

    @pytest.mark.parametrize(
        "text",
        [
            *("no", "Yes", "on", "OFF", "="),
            *("010", "08", "0o17", "0x1F", "0b1", "1_000", "1_0.5"),
            *("12:30", "1:20:30.5", "1e3", "1e-5", "1.5e3", "-1E+5"),
        ],
    )
    def test_what_versions_of_yaml_read_differently(self, text: str) -> None:
        error = refused(f"a: {text}", "m.yaml")
        assert (error.code, error.location) == ("CKP0007", "m.yaml:1:4")
        assert yaml(f"a: '{text}'") == {"a": text}
        assert refused(f"- {text}: 1", "m.yml").code == "CKP0007"

    @pytest.mark.parametrize(("text", "right"), [("1e3", "1.0e+3"), ("-1.5E7", "-1.5e+7"), ("1e-05", "1.0e-05")])
    def test_a_number_is_spelt_out(self, text: str, right: str) -> None:
        assert refused(f"a: {text}", "m.yaml").hint == f"write {right}, or put it in quotes"
        assert yaml(f"a: {right}") == {"a": float(text)}

    @pytest.mark.parametrize(
        ("text", "code"),
        [
            ("1: a", "CKP0007"),
            ("true: a", "CKP0007"),
            ("~: a", "CKP0007"),
            ("<<: {a: 1}", "CKP0007"),
            ("a: !!python/object:os.system x", "CKP0007"),
            ("a: !!binary AAAA", "CKP0007"),
            ("a: !own [1]", "CKP0007"),
            ("? [a]\n: b", "CKP0007"),
            ("a: &x b\n*x : c", "CKP0007"),
            ("a: &x [*x]", "CKP0007"),
            ("%YAML 1.1\n---\na: 1", "CKP0007"),
            ("a: b\n---\nc: d", "CKP0002"),
            ("a: *x", "CKP0002"),
            ("a: [1", "CKP0002"),
            ("a:\n\t- 1", "CKP0002"),
            ("", "CKP0002"),
            ("# only a comment", "CKP0002"),
            ("a: \x00", "CKP0002"),
            ("a: 1\nb: 2\na: 3", "CKP0003"),
            ("'a': 1\na: 3", "CKP0003"),
            ("[" * 5000, "CKP0004"),
            ("- " * 5000 + "x", "CKP0004"),
            ("a: " + "9" * 5000, "CKP0004"),
            ("a: .nan", "CKP0006"),
            ("a: -.inf", "CKP0006"),
            ("a: 1.0e+400", "CKP0006"),
            (b"\xff", "CKP0001"),
            (b"\xef\xbb\xbfa: 1", "CKP0005"),
        ],
    )
    def test_refused(self, text: str | bytes, code: str) -> None:
        assert refused(text, "m.yaml").code == code

    def test_tags_of_json_types(self) -> None:
        assert yaml("a: !!map {b: !!seq [!!str 1, ! 2]}") == {"a": {"b": ["1", "2"]}}

    def test_aliases_are_expanded_into_values_of_their_own(self) -> None:
        value = yaml("a: &x [1, {b: 2}]\nb: *x\nc: &y text\nd: *y")
        assert value == {"a": [1, {"b": 2}], "b": [1, {"b": 2}], "c": "text", "d": "text"}
        assert value["a"] is not value["b"]
        assert value["a"][1] is not value["b"][1]

    def test_a_bomb_of_aliases(self) -> None:
        lines = ["a0: &a0 [" + ", ".join("x" * 9) + "]"]
        lines += [f"a{n}: &a{n} [" + ", ".join([f"*a{n - 1}"] * 9) + "]" for n in range(1, 9)]
        assert refused("\n".join(lines), "m.yaml").code == "CKP0004"

    def test_brackets_without_end_in_a_line(self) -> None:
        for text in ("a: " + "[" * 2000, "a: [" + "{b: " * 200):
            with pytest.raises(LimitExceededError, match="brackets are open in one line"):
                yaml(text)
        assert yaml("a: [" + "[1], " * 300 + "]\nb: '" + "[]" * 300 + "'")["b"] == "[]" * 300

    def test_a_bomb_of_depth_by_aliases(self) -> None:
        deep = "a: &a " + "[" * 100 + "]" * 100 + "\nb: &b " + "[" * 100 + "*a" + "]" * 100
        text = deep + "\nc: " + "[" * 100 + "*b" + "]" * 100
        assert refused(text, "m.yaml").code == "CKP0004"

    def test_many_aliases(self) -> None:
        text = "a: &a 1\nb: [" + ", ".join(["*a"] * (limits.YAML_ALIASES + 1)) + "]"
        assert refused(text, "m.yaml").code == "CKP0004"

    def test_a_large_document(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(limits, "YAML_BYTES", 3)
        assert refused("a: 1", "m.yaml").code == "CKP0004"

    def test_positions(self) -> None:
        document = load_document(b"# c\nname: x\nfiles:\n  - path: a\n    'x/y': 1\n  - b\n", "m.yaml")
        expected = {"": (2, 1), "/name": (2, 1), "/files": (3, 1), "/files/0": (4, 5), "/files/0/path": (4, 5)}
        expected |= {"/files/0/x~1y": (5, 5), "/files/1": (6, 5), "/files/0/zzz": (4, 5), "/zzz": (2, 1)}
        assert {at: document.positions.find(at) for at in expected} == expected

    def test_a_manifest_in_yaml_is_checked_and_located(self) -> None:
        value = json.loads(EXAMPLE.read_bytes())
        stream = io.StringIO()
        writer = YAML()
        writer.dump(value, stream)
        text = stream.getvalue().replace(": 1e-0", ": 1.0e-0")  # as YAML 1.1 reads it too
        document = load_document(text.encode(), "candle-checkpoint.yaml")
        assert document.value == value
        text = text.replace("\nversion: 1.0.0\n", "\nversion: 1.0\n")
        document = load_document(text.encode(), "candle-checkpoint.yaml")
        (problem,) = [document.locate(each) for each in check(document.value) if each.severity == "error"]
        assert text.split("\n")[(problem.location.line or 0) - 1] == "version: 1.0"
        assert "quotes" in problem.hint

    @settings(max_examples=60, deadline=None)
    @given(st.dictionaries(st.text("ab", min_size=1, max_size=3), JSON, max_size=3))
    def test_json_in_double_quotes_is_read_alike_or_refused(self, value: Any) -> None:
        """JSON is nearly YAML: what differs (exponents without a sign) is refused, never read as something else."""
        with contextlib.suppress(CandleSpecError):
            assert yaml(json.dumps(value).encode()) == value
