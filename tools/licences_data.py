"""Make ``schemas/vocabularies/licences.json``: the identifiers that expressions of licences are made of.

    python -m tools.licences_data

They are those of the list of SPDX in the version that CycloneDX's schema has (first all licences, then all exceptions).
A later version of the list makes a new file; what was an identifier stays one.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Final

SCHEMAS: Final = Path(__file__).resolve().parent.parent / "schemas"
SOURCE: Final = SCHEMAS / "repositories" / "cyclonedx" / "1.7.0" / "spdx.SNAPSHOT.schema.json"
FIRST_EXCEPTION: Final = "389-exception"


def main() -> None:
    """Write the file."""
    listed = json.loads(SOURCE.read_bytes())
    names: list[str] = listed["enum"]
    end = names.index(FIRST_EXCEPTION)
    document = {
        "title": "Licences",
        "description": "Identifiers of licences and exceptions, of which an expression of SPDX is made.",
        "version": listed["$comment"].rpartition("-")[2],
        "source": "https://github.com/spdx/license-list-data",
        "license": "CC0-1.0",
        "licenses": names[:end],
        "exceptions": names[end:],
    }
    text = json.dumps(document, indent=2, ensure_ascii=False)
    (SCHEMAS / "vocabularies" / "licences.json").write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
