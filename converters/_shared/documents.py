"""Documents that others wrote (JSON, YAML, text): read within bounds, and taken for what they are.

Every command that gets a path loads this for all formats, so that nothing here loads what only reading needs.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from candle_spec import limits
from candle_spec.canonical import loads
from candle_spec.conversion.contract import NativeFile
from candle_spec.errors import CandleSpecError, CorruptFileError, LimitExceededError


def read_json(file: NativeFile) -> Any:
    """Return the value of a JSON document.

    Raises:
        CorruptFileError: It is none.
        LimitExceededError: It is too large.
    """
    return loads(_bytes(file, limits.DESCRIPTION_BYTES), location=file.name)


def read_yaml(file: NativeFile) -> Any:
    """Return the value of a YAML (or JSON) document."""
    if file.name.endswith(".json"):
        return read_json(file)
    from candle_spec.manifest.yaml import load_yaml

    return load_yaml(_bytes(file, limits.YAML_BYTES), location=file.name, lenient=True)[0]


def read_text(file: NativeFile) -> str:
    """Return a text."""
    try:
        return _bytes(file, limits.DESCRIPTION_BYTES).decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise CorruptFileError("the text is not UTF-8", location=file.name) from error


def _bytes(file: NativeFile, most: int) -> bytes:
    if file.size > most:
        raise LimitExceededError(f"a description of {file.size} bytes, more than {most}", location=file.name)
    with file.path.open("rb") as opened:
        return opened.read(most + 1)


def read_quietly(file: NativeFile, read: Callable[[NativeFile], Any]) -> Any:
    """Return what a document says, ``None`` where it cannot be read: for a look at what a folder is."""
    try:
        return read(file)
    except CandleSpecError:
        return None


def mapping(value: Any) -> dict[str, Any]:
    """Return the value if it is an object, else an empty one: nothing in the document of a stranger is sure."""
    return value if isinstance(value, dict) else {}


def sequence(value: Any) -> list[Any]:
    """Return the value if it is a list, else an empty one."""
    return value if isinstance(value, list) else []
