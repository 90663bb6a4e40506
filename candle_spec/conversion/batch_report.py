"""Reports of a batch for programs: JSON (also the baseline of a later run), JUnit XML for CI, CSV for tables."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

from candle_spec._version import __version__
from candle_spec.conversion.batch import Row, counts
from candle_spec.errors import InvalidInputError, MissingPathError


def as_json(rows: Sequence[Row], others: int) -> str:
    """Return all rows and their counts.

    Args:
        rows: What became of each native checkpoint.
        others: Number of files that are no checkpoint.
    """
    lines = [{key: value for key, value in asdict(row).items() if value not in ("", 0)} for row in rows]
    about = {"tool": {"name": "candle-spec", "version": __version__}, "counts": dict(sorted(counts(rows).items()))}
    return json.dumps({**about, "other_files": others, "rows": lines}, indent=2, ensure_ascii=False)


def read_rows(path: Path) -> list[Mapping[str, Any]]:
    """Return the rows of an earlier report, the baseline of a later run.

    Raises:
        MissingPathError: There is no such file.
        InvalidInputError: It is no report.
    """
    try:
        return list(json.loads(path.read_bytes())["rows"])
    except FileNotFoundError as error:
        raise MissingPathError("there is no such baseline", location=str(path)) from error
    except (ValueError, KeyError, TypeError, OSError) as error:
        message = "the baseline is no report of a conversion"
        raise InvalidInputError(message, location=str(path), hint="write one with --report json") from error


def as_csv(rows: Sequence[Row]) -> str:
    """Return all rows as a table with a header."""
    out = io.StringIO()
    table = csv.writer(out, lineterminator="\n")
    table.writerow([field.name for field in fields(Row)])
    for row in rows:
        table.writerow([_inert(value) for value in asdict(row).values()])
    return out.getvalue().rstrip("\n")


def _inert(value: object) -> object:
    """A text that a spreadsheet would run as a formula is preceded by an apostrophe (file names are strangers')."""
    return f"'{value}" if isinstance(value, str) and value[:1] in ("=", "+", "-", "@", "\t") else value


def as_junit(rows: Sequence[Row]) -> str:
    """Return a test suite with one case for each native checkpoint; a refusal is a failure."""
    refused = [row for row in rows if row.state == "refused"]
    suite = ElementTree.Element(
        "testsuite", name="candle-spec convert", tests=str(len(rows)), failures=str(len(refused)), errors="0"
    )
    for row in rows:
        case = ElementTree.SubElement(suite, "testcase", classname="convert", name=_xml(row.source))
        if row.state == "refused":
            what = _xml(f"{row.code} {row.refusal}: {row.message}")
            failure = ElementTree.SubElement(case, "failure", message=what, type=row.refusal)
            failure.text = _xml(row.hint)
    ElementTree.indent(suite)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + ElementTree.tostring(suite, encoding="unicode")


def _xml(text: str) -> str:
    """XML 1.0 holds no control characters and no halves of surrogate pairs."""
    return "".join(c if c in "\t\n" or (c >= " " and not "\ud800" <= c <= "\udfff") else "\ufffd" for c in text)
