"""Make ``schemas/vocabularies/unicode.json``: what file names are compared by, of one version of Unicode.

    python -m tools.unicode_data

It needs a Python whose ``unicodedata`` is of that version (3.11), and is never made again: what later versions of
Unicode assign is refused in paths, and of what is assigned here, no later version changes folding or normal form
(https://www.unicode.org/policies/stability_policy.html).
"""

from __future__ import annotations

import json
import sys
import unicodedata
from pathlib import Path
from typing import Final

TARGET: Final = Path(__file__).resolve().parent.parent / "schemas" / "vocabularies" / "unicode.json"
VERSION: Final = "14.0.0"


def assigned() -> list[list[int]]:
    """Return the ranges of assigned code points, first and last; surrogates are none."""
    ranges: list[list[int]] = []
    for code in range(sys.maxunicode + 1):
        if unicodedata.category(chr(code)) in ("Cn", "Cs"):
            continue
        if ranges and ranges[-1][1] == code - 1:
            ranges[-1][1] = code
        else:
            ranges.append([code, code])
    return ranges


def folding() -> dict[str, str]:
    """Return what full case folding (status C and F of CaseFolding.txt) makes of each character that it changes."""
    every = (chr(code) for first, last in assigned() for code in range(first, last + 1))
    return {char: folded for char in every if (folded := char.casefold()) != char}


def main() -> int:
    """Write the file."""
    if unicodedata.unidata_version != VERSION:
        print(f"this Python has Unicode {unicodedata.unidata_version}, not {VERSION}", file=sys.stderr)
        return 1
    document = {
        "title": "Unicode, as paths are compared",
        "description": "Code points that paths may hold, and full case folding (status C and F of CaseFolding.txt).",
        "unicode": VERSION,
        "source": "https://www.unicode.org/Public/14.0.0/ucd/",
        "license": "Unicode-3.0",
        "assigned": assigned(),
        "case_folding": folding(),
    }
    rows = (f"  {json.dumps(key)}: {json.dumps(value, ensure_ascii=True)}" for key, value in document.items())
    TARGET.write_text("{\n" + ",\n".join(rows) + "\n}\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
