"""Files of hyperparameters: ``default_model.txt``, Supervisor's ``parameters.txt``, IMPROVE's INI; without ``eval``.

All sections are merged, the first occurrence of a key wins, keys are in lower case. A value that is a Python literal
is that; anything else is text, less a comment behind it.
"""

from __future__ import annotations

import ast
import configparser
import re
from pathlib import Path
from typing import Any, Final

from candle_spec import limits
from candle_spec.errors import CorruptFileError, LimitExceededError, MissingPathError

_TYPE: Final = re.compile(r"<class '([A-Za-z0-9_.]+)'>")


def read(path: Path) -> dict[str, Any]:
    """Return the hyperparameters of a file.

    Raises:
        MissingPathError: There is no such file.
        CorruptFileError: It is no INI file, or names a key twice in one section.
        LimitExceededError: It is too long.
    """
    if not path.is_file():
        raise MissingPathError("there is no such file of hyperparameters", location=str(path))
    if path.stat().st_size > limits.SETTINGS_BYTES:
        raise LimitExceededError(f"hyperparameters of {path.stat().st_size} bytes", location=str(path))
    parser = configparser.RawConfigParser(allow_no_value=True)
    try:
        parser.read_string(path.read_text(encoding="utf-8-sig"), source=path.name)
    except (configparser.Error, UnicodeDecodeError) as error:
        raise CorruptFileError(
            f"not a file of hyperparameters: {' '.join(str(error).split())}", location=str(path)
        ) from error
    merged: dict[str, Any] = {}
    for section in parser.sections():
        for key, text in parser.items(section):
            merged.setdefault(key, value(text))
    return merged


def value(text: str | None) -> Any:
    """Return what a value stands for."""
    if text is None or not text.strip():
        return None if text is None else ""
    try:
        return ast.literal_eval(text.strip())
    except (ValueError, SyntaxError, RecursionError, MemoryError, TypeError):
        plain = re.sub(r"\s+#.*\Z", "", text.strip(), flags=re.DOTALL)
        found = _TYPE.fullmatch(plain)
        return found[1] if found else plain
