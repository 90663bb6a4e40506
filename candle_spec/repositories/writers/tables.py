"""Tables: a document is a list of flat objects, one a row; the template names the columns.

The workbook is written here and not by a library: a few hundred bytes of a documented format (ECMA-376, SpreadsheetML),
all cells as inline text (a number would come back as ``1.0``), the same bytes every time, which no library promises.
"""

from __future__ import annotations

import csv as csv_module
import io
import zipfile
from collections.abc import Iterator, Mapping
from html import escape
from typing import Any, Final

from candle_spec.errors import InvalidInputError
from candle_spec.repositories.values import plain_text

_MOMENT: Final = (1980, 1, 1, 0, 0, 0)
_CELL: Final = 32_767
"""Characters that a cell of Excel may have."""

_NS: Final = "http://schemas.openxmlformats.org"
_HEAD: Final = '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n'


def _rows(document: Any, columns: list[str]) -> Iterator[list[str]]:
    yield columns
    for row in document if isinstance(document, list) else [document]:
        yield [plain_text(row[column]) if column in row else "" for column in columns]


def _columns(document: Any, output: Mapping[str, Any]) -> list[str]:
    if "columns" in output:
        return list(output["columns"])
    return list(dict.fromkeys(key for row in document for key in row))


def csv(document: Any, output: Mapping[str, Any]) -> bytes:
    """Return comma-separated values as RFC 4180 has them."""
    text = io.StringIO()
    csv_module.writer(text, lineterminator="\r\n").writerows(_rows(document, _columns(document, output)))
    return text.getvalue().encode("utf-8")


def xlsx(document: Any, output: Mapping[str, Any]) -> bytes:
    """Return a workbook of one sheet.

    Raises:
        InvalidInputError: A value is longer than a cell.
    """
    rows = list(_rows(document, _columns(document, output)))
    files = {
        "[Content_Types].xml": _content_types(),
        "_rels/.rels": _relation("officeDocument", "xl/workbook.xml"),
        "xl/workbook.xml": _workbook(str(output.get("sheet", "Sheet1"))),
        "xl/_rels/workbook.xml.rels": _relation("worksheet", "worksheets/sheet1.xml"),
        "xl/worksheets/sheet1.xml": _sheet(rows),
    }
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(zipfile.ZipInfo(name, _MOMENT), content.encode("utf-8"), zipfile.ZIP_DEFLATED)
    return data.getvalue()


def _content_types() -> str:
    kinds = f"{_NS}/package/2006/content-types"
    sheet = "application/vnd.openxmlformats-officedocument.spreadsheetml"
    return (
        f'{_HEAD}<Types xmlns="{kinds}">'
        '<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
        f'<Override PartName="/xl/workbook.xml" ContentType="{sheet}.sheet.main+xml"/>'
        f'<Override PartName="/xl/worksheets/sheet1.xml" ContentType="{sheet}.worksheet+xml"/></Types>'
    )


def _relation(kind: str, target: str) -> str:
    about = f'Id="rId1" Type="{_NS}/officeDocument/2006/relationships/{kind}" Target="{target}"'
    return f'{_HEAD}<Relationships xmlns="{_NS}/package/2006/relationships"><Relationship {about}/></Relationships>'


def _workbook(sheet: str) -> str:
    spaces = f'xmlns="{_NS}/spreadsheetml/2006/main" xmlns:r="{_NS}/officeDocument/2006/relationships"'
    entry = f'<sheet name="{escape(sheet)}" sheetId="1" r:id="rId1"/>'
    return f"{_HEAD}<workbook {spaces}><sheets>{entry}</sheets></workbook>"


def _sheet(rows: list[list[str]]) -> str:
    lines = []
    for number, row in enumerate(rows, start=1):
        cells = "".join(_cell(f"{_letters(index)}{number}", text) for index, text in enumerate(row) if text)
        lines.append(f'<row r="{number}">{cells}</row>')
    return (
        f'{_HEAD}<worksheet xmlns="{_NS}/spreadsheetml/2006/main"><sheetData>{"".join(lines)}</sheetData></worksheet>'
    )


def _cell(place: str, text: str) -> str:
    if len(text) > _CELL:
        raise InvalidInputError(f"the value of cell {place} has {len(text)} characters, more than {_CELL}")
    clean = "".join(letter for letter in text if letter >= " " or letter in "\n\t")
    return f'<c r="{place}" t="inlineStr"><is><t xml:space="preserve">{escape(clean)}</t></is></c>'


def _letters(index: int) -> str:
    """Return a column's name: A, B, …, Z, AA."""
    name = ""
    index += 1
    while index:
        index, rest = divmod(index - 1, 26)
        name = chr(65 + rest) + name
    return name
