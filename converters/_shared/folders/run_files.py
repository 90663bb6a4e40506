"""What lies beside a model that CANDLE or IMPROVE trained: settings, scores, durations; each gives manifest fields.

File names and layouts: https://github.com/ECP-CANDLE/candle_lib and https://github.com/JDACS4C-IMPROVE/IMPROVE.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable
from typing import Any, Final

from candle_spec import limits
from candle_spec.canonical import loads
from candle_spec.conversion.contract import NativeFile
from candle_spec.converters._shared import values
from candle_spec.errors import CorruptFileError, LimitExceededError
from candle_spec.manifest.yaml import load_yaml
from candle_spec.readers import settings

SCORES: Final = {"val_scores.json": "val", "test_scores.json": "test", "scores.json": "val"}
"""Files of scores and the split that they are of."""

_STAGES: Final = ("DEFAULT", "Train")
_DURATION: Final = {"hours": 3600, "minutes": 60, "seconds": 1}


def text_of(file: NativeFile) -> str:
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
    return settings.literal(text_of(file), file.name)


def _json(file: NativeFile) -> dict[str, Any]:
    document = loads(_finite(text_of(file)).encode(), location=file.name)
    if not isinstance(document, dict):
        raise CorruptFileError("not a JSON object", location=file.name)
    return document


def _finite(text: str) -> str:
    """Python's json writes ``Infinity`` and ``NaN``, which are no JSON."""
    return re.sub(r"(?<=[:\[,])(\s*)(-?Infinity|NaN)(?=\s*[,}\]])", r'\1"\2"', text)


def _sections(file: NativeFile, wanted: Iterable[str]) -> dict[str, Any]:
    sections = settings.ini(text_of(file), file.name)
    merged: dict[str, Any] = {}
    for name in wanted:
        merged |= sections.get(name, {})
    return merged or {key: value for rows in sections.values() for key, value in rows.items()}


def _document(file: NativeFile) -> dict[str, Any]:
    """Settings in YAML or JSON: as they are, in sections of stages, or as the list of options with their defaults."""
    data = text_of(file).encode()
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


def evaluation(file: NativeFile, split: str, **about: Any) -> tuple[list[dict[str, Any]], list[str]]:
    """Return the evaluation entries of a file of scores, and the names in it that are no known metric.

    Args:
        file: The file.
        split: Name of the split.
        **about: Further members of each entry: ``dataset``, ``target``.
    """
    entries, unknown = [], []
    found = _json(file)
    if isinstance(found.get("key"), str) and "value" in found:  # of IMPROVE before 0.1: {key, value, val_loss, …}
        found = {**{k: v for k, v in found.items() if k not in ("key", "value")}, found["key"]: found["value"]}
    for name, value in found.items():
        entry = values.evaluation(name, value, file.name, split=split, **about)
        if entry is None:
            unknown.append(name)
        else:
            entries.append(entry)
    return entries, unknown


def seconds(file: NativeFile) -> float | None:
    """Return the duration that ``runtime.json`` states."""
    found = _json(file)
    parts = [found[name] * factor for name, factor in _DURATION.items() if isinstance(found.get(name), (int, float))]
    total = float(sum(parts))
    return total if parts and math.isfinite(total) and total >= 0 else None


def checkpoint_info(file: NativeFile) -> dict[str, Any]:
    """Return what CANDLE's ``ckpt-info.json`` says; ``Infinity`` in it is text."""
    return _json(file)
