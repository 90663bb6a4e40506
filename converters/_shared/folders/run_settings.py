"""The settings of a run of CANDLE or IMPROVE beside its model: which file holds them, and the hyperparameters in it.

File names and layouts: https://github.com/ECP-CANDLE/candle_lib and https://github.com/JDACS4C-IMPROVE/IMPROVE.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import Any, Final

from candle_spec import limits
from candle_spec.canonical import loads
from candle_spec.conversion.contract import NativeFile
from candle_spec.errors import CorruptFileError, LimitExceededError
from candle_spec.manifest.yaml import load_yaml
from candle_spec.readers import settings

_STAGES: Final = ("DEFAULT", "Train")


def settings_file(files: Iterable[NativeFile]) -> NativeFile | None:
    """Return the file that says best which hyperparameters were used."""
    here = [(file, file.name.rpartition("/")[2]) for file in files]
    for pattern, _ in _READERS:
        named = [file for file, name in here if pattern.match(name)]
        if named:
            return min(named, key=lambda file: (file.name.count("/"), file.name))
    return None


def hyperparameters(file: NativeFile) -> dict[str, Any]:
    """Return the settings that stand in a file found by :func:`settings_file`."""
    name = file.name.rpartition("/")[2]
    return next(reader for pattern, reader in _READERS if pattern.match(name))(file)


def read_python_json(file: NativeFile) -> dict[str, Any]:
    """Return the JSON object that Python wrote; ``Infinity`` and ``NaN`` in it are texts.

    Raises:
        CorruptFileError: It is none.
        LimitExceededError: It is too long.
    """
    document = loads(_finite(_text_of(file)).encode(), location=file.name)
    if not isinstance(document, dict):
        raise CorruptFileError("not a JSON object", location=file.name)
    return document


def _finite(text: str) -> str:
    """Python's json writes ``Infinity`` and ``NaN``, which are no JSON."""
    return re.sub(r"(?<=[:\[,])(\s*)(-?Infinity|NaN)(?=\s*[,}\]])", r'\1"\2"', text)


def _text_of(file: NativeFile) -> str:
    """Return a small text.

    Raises:
        LimitExceededError: It is too long.
        CorruptFileError: It is not UTF-8.
    """
    if file.size > limits.SETTINGS_BYTES:
        raise LimitExceededError(f"a text of {file.size} bytes", location=file.name)
    try:
        return file.path.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise CorruptFileError("the text is not UTF-8", location=file.name) from error


def _dictionary(file: NativeFile) -> dict[str, Any]:
    return settings.literal(_text_of(file), file.name)


def _sections(file: NativeFile, wanted: Iterable[str]) -> dict[str, Any]:
    sections = settings.ini(_text_of(file), file.name)
    merged: dict[str, Any] = {}
    for name in wanted:
        merged |= sections.get(name, {})
    return merged or {key: value for rows in sections.values() for key, value in rows.items()}


def _document(file: NativeFile) -> dict[str, Any]:
    """Settings in YAML or JSON: as they are, in sections of stages, or as the list of options with their defaults."""
    data = _text_of(file).encode()
    found = (
        loads(data, location=file.name)
        if file.name.endswith(".json")
        else load_yaml(data, location=file.name, lenient=True)[0]
    )
    if isinstance(found, dict) and any(isinstance(found.get(name), dict) for name in _STAGES):
        found = {key: value for name in _STAGES for key, value in (found.get(name) or {}).items()}
    if isinstance(found, list):
        options = [row for row in found if isinstance(row, dict) and isinstance(row.get("name"), str)]
        found = {row["name"]: row.get("default") for row in options} if options else found
    if not isinstance(found, dict):
        raise CorruptFileError("settings that are neither an object nor a list of options", location=file.name)
    return found


_READERS: Final[tuple[tuple[re.Pattern[str], Callable[[NativeFile], dict[str, Any]]], ...]] = (
    (re.compile(r"param_log_file\.txt\Z"), _dictionary),
    (re.compile(r"final_params\.txt\Z"), _dictionary),
    (re.compile(r"parameters\.txt\Z"), lambda f: _sections(f, ("Global Params", "Global_Params"))),
    (re.compile(r".*_default_model\.txt\Z|default_model\.txt\Z"), lambda f: _sections(f, ("Global_Params",))),
    (re.compile(r".*_params\.(ini|txt)\Z"), lambda f: _sections(f, _STAGES)),
    (re.compile(r".*_params\.(ya?ml|json)\Z"), _document),
)
"""Files of settings, the most specific of a run first: what was used wins over what was configured."""
