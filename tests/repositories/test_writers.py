"""What the writers make is read back the same by the libraries that read it."""

from __future__ import annotations

import csv
import io
from typing import Any
from xml.etree import ElementTree

import openpyxl
import pytest
import yaml
from hypothesis import example, given, settings
from hypothesis import strategies as st
from ruamel.yaml import YAML

from candle_spec.errors import InvalidInputError
from candle_spec.repositories.writers import WRITERS, write

TEXTS = st.text(st.characters(codec="utf-8", exclude_categories=("Cs",)), max_size=20) | st.sampled_from(
    "no yes On NULL ~ 1e-5 0x1f 010 1_000 12:30 2025-01-01 =  << @a #b %c - : {a} [b] 'c' \"d\" a: b".split(" ")
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.floats(allow_nan=False, allow_infinity=False) | TEXTS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXTS.filter(bool), inner, max_size=4),
    max_leaves=15,
)


@given(JSON)
@example(5e-324)
@example(1e22)
@example("\U00011d99")
@settings(max_examples=300)
@pytest.mark.slow
def test_yaml_is_read_alike_by_readers_of_both_versions(value: Any) -> None:
    text = write(value, {"writer": "yaml"}).decode()
    assert YAML(typ="safe", pure=True).load(text) == value
    assert yaml.safe_load(text) == value


@given(st.lists(st.dictionaries(st.sampled_from("bc"), TEXTS), min_size=1, max_size=4))
def test_csv_and_xlsx_have_the_same_rows(rows: list[dict[str, str]]) -> None:
    output = {"writer": "csv", "columns": ["a", "b", "c"]}
    plain = [{"a": "x", **{key: text.replace("\r", "") for key, text in row.items()}} for row in rows]
    wanted = [[row.get(column, "") for column in "abc"] for row in plain]
    read = list(csv.reader(io.StringIO(write(plain, output).decode(), newline="")))
    assert read == [["a", "b", "c"], *wanted]
    book = openpyxl.load_workbook(io.BytesIO(write(plain, {**output, "writer": "xlsx"})))
    cells = [
        [cell or "" for cell in row] for row in book.worksheets[0].iter_rows(min_row=2, max_col=3, values_only=True)
    ]
    clean = [
        ["".join(letter for letter in text if letter >= " " or letter in "\n\t") for text in row] for row in wanted
    ]
    assert cells == clean


def test_xlsx_is_the_same_bytes_again_and_has_text_cells_only() -> None:
    output = {"writer": "xlsx", "columns": ["n"]}
    first = write([{"n": 1}], output)
    assert first == write([{"n": 1}], output)
    assert openpyxl.load_workbook(io.BytesIO(first)).worksheets[0]["A2"].value == "1"


def test_a_cell_that_excel_cannot_hold_is_refused() -> None:
    with pytest.raises(InvalidInputError, match="cell A2 has 32768 characters"):
        write([{"n": "x" * 32768}], {"writer": "xlsx", "columns": ["n"]})


def test_xml() -> None:
    document = {"@version": "1", "title": "a < b & c", "part": ["x", {"@id": "2", "#": "y"}]}
    root = ElementTree.fromstring(write(document, {"writer": "xml", "root": "model", "id": "r"}))
    assert (root.tag, root.attrib, root.findtext("title")) == ("model", {"version": "1"}, "a < b & c")
    assert [(part.text, part.attrib) for part in root.findall("part")] == [("x", {}), ("y", {"id": "2"})]
    with pytest.raises(InvalidInputError, match="XML does not have"):
        write({"title": "\x00"}, {"writer": "xml", "id": "r"})


def test_front_matter_has_the_body_below() -> None:
    text = write({"a": "no", "body": "# T\n\n\n\nx"}, {"writer": "front-matter", "body": "body"}).decode()
    assert text == '---\na: "no"\n---\n\n# T\n\nx\n'


def test_there_are_the_documented_writers() -> None:
    assert sorted(WRITERS) == ["csv", "front-matter", "json", "xlsx", "xml", "yaml"]
