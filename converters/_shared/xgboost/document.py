"""A model of XGBoost as a document, whichever way it is written: JSON, UBJSON, or a snapshot that holds it.

Layout: https://xgboost.readthedocs.io/en/stable/tutorials/saving_model.html. The model is an object of ``learner``
and ``version``. A snapshot (``Booster.__getstate__``, so every pickle) is an object of ``Config``, what training was
set to, and ``Model``. Both have the same members in JSON and UBJSON; UBJSON keeps arrays of numbers packed.
"""

from __future__ import annotations

import json
import math
import mmap
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, NoReturn

from candle_spec import limits
from candle_spec.converters._shared.xgboost import Form, is_binary, is_ubjson
from candle_spec.errors import CorruptFileError, LimitExceededError, TruncatedFileError, UnsupportedFormatError
from candle_spec.readers import ubjson

if TYPE_CHECKING:
    import numpy.typing as npt

Buffer = bytes | mmap.mmap


_SPACE: Final = re.compile(r"\s*")


@dataclass(frozen=True, slots=True)
class Document:
    """A document of XGBoost.

    Attributes:
        form: How it is written.
        model: The object of ``learner`` and ``version``.
        config: What training was set to, where the document is a snapshot.
        model_span: First byte and end of the model in a snapshot.
    """

    form: Form
    model: Mapping[str, Any]
    config: Mapping[str, Any] | None
    model_span: tuple[int, int] | None


def read_document(data: Buffer, location: str) -> Document:
    """Read a document.

    Raises:
        CorruptFileError: It is damaged, or not a model.
        UnsupportedFormatError: It is of the old binary format.
        LimitExceededError: It is too large or too deep.
    """
    if len(data) > limits.BOOSTER_BYTES:
        raise LimitExceededError(f"a model of {len(data)} bytes", location=location)
    head = bytes(data[:65536])
    if is_binary(head):
        raise UnsupportedFormatError(
            "this is a model of XGBoost in its old binary format, which is no longer documented or written",
            location=location,
            hint="load it with XGBoost 1.6 to 3.0 and save it again: booster.save_model('model.ubj')",
        )
    form: Form = "ubj" if is_ubjson(head) else "json"
    whole = ubjson.loads(data, location) if form == "ubj" else _json(data, location)
    if not isinstance(whole, dict):
        raise CorruptFileError("the document is not an object", location=location)
    if "Model" not in whole:
        return Document(form, whole, None, None)
    spans = ubjson.members(data, location) if form == "ubj" else _json_members(bytes(data))
    config = whole.get("Config")
    return Document(form, member(whole, "Model", location), config if isinstance(config, dict) else {}, spans["Model"])


def _json(buffer: Buffer, location: str) -> Any:
    if len(buffer) > limits.JSON_BYTES:
        hint = "load it with xgboost and save it again as model.ubj, which takes less memory"
        raise LimitExceededError(f"JSON of {len(buffer)} bytes", location=location, hint=hint)
    data = bytes(buffer)
    if data.count(b"[") + data.count(b"{") > limits.BOOSTER_CONTAINERS:
        raise LimitExceededError(f"more than {limits.BOOSTER_CONTAINERS} lists and objects", location=location)

    def pairs(items: list[tuple[str, Any]]) -> dict[str, Any]:
        result = dict(items)
        if len(result) != len(items):
            raise CorruptFileError("a key stands twice in one object", location=location)
        return result

    def constant(name: str) -> Any:
        # Where a number may be none is seen where it stands.
        return {"NaN": math.nan, "Infinity": math.inf, "-Infinity": -math.inf}[name]

    try:
        return json.loads(data.decode("utf-8"), object_pairs_hook=pairs, parse_constant=constant)
    except CorruptFileError:
        raise
    except json.JSONDecodeError as error:
        # What is left where the parser stopped is nothing, half a word or half a text.
        ended = error.msg.startswith("Unterminated") or not re.search(r"[\s,:\[\]{}]\S", error.doc[error.pos :])
        kind = TruncatedFileError if ended else CorruptFileError
        raise kind(f"not JSON: {error.msg}", location=f"{location}:{error.lineno}:{error.colno}") from error
    except RecursionError as error:
        raise LimitExceededError("the document is nested too deeply", location=location) from error
    except ValueError as error:  # no UTF-8, or an integer of more digits than the interpreter converts
        raise CorruptFileError(f"not JSON: {error}", location=location) from error


def _json_members(data: bytes) -> dict[str, tuple[int, int]]:
    """Return where the values of a JSON object that was read before stand, in bytes."""
    text = data.decode("utf-8")
    decoder = json.JSONDecoder()
    spans: dict[str, tuple[int, int]] = {}
    at = _after_space(text, 0) + 1
    while text[at := _after_space(text, at)] != "}":
        at += text[at] == ","
        key, at = decoder.raw_decode(text, _after_space(text, at))
        start = _after_space(text, _after_space(text, at) + 1)
        _, at = decoder.raw_decode(text, start)
        spans[key] = (len(text[:start].encode()), len(text[:at].encode()))
    return spans


def _after_space(text: str, at: int) -> int:
    found = _SPACE.match(text, at)
    return found.end() if found else at


def member(value: Mapping[str, Any], name: str, location: str) -> dict[str, Any]:
    """Return a member that is an object.

    Raises:
        CorruptFileError: There is none.
    """
    found = value.get(name)
    if not isinstance(found, dict):
        raise CorruptFileError(f"the model has no object {name!r}", location=location)
    return found


def integer(value: Any, what: str, location: str) -> int:
    """Return a number of things; XGBoost writes most of them as texts.

    Raises:
        CorruptFileError: It is none.
    """
    if isinstance(value, str) and re.fullmatch(r"[0-9]{1,18}", value):
        return int(value)
    if isinstance(value, int) and not isinstance(value, bool) and value >= 0:
        return value
    raise CorruptFileError(f"{what} is {str(value)[:80]!r}, not a number of things", location=location)


def array(value: Any, dtype: str, what: str, location: str) -> npt.NDArray[Any]:
    """Return an array of numbers in the dtype that XGBoost has it in.

    Raises:
        CorruptFileError: It is none, or a number does not fit the dtype.
    """
    import numpy as np

    def wrong(why: str) -> NoReturn:
        raise CorruptFileError(f"{what} {why}", location=location)

    found = _numbers(value, dtype, wrong)
    target = np.dtype(dtype)
    if found.dtype.kind not in ("iufb" if target.kind == "f" else "iub"):
        wrong("holds numbers that are not whole")
    with np.errstate(over="ignore"):
        cast = found.astype(target)
    if target.kind == "f":
        if (np.isinf(cast) & np.isfinite(found)).any():
            wrong("holds a number that is out of range")
    elif not np.array_equal(cast.astype(found.dtype), found) or (found.size and (cast < 0).any() != (found < 0).any()):
        wrong("holds a number that is out of range")
    return cast


def _numbers(value: Any, dtype: str, wrong: Callable[[str], NoReturn]) -> npt.NDArray[Any]:
    """Return numbers in the dtype in which the document has them; ``dtype`` is that of an empty list."""
    import numpy as np

    if isinstance(value, ubjson.NumberArray):
        found: npt.NDArray[Any] = value.numpy()
        return found
    if not isinstance(value, list):
        wrong("is no array of numbers")
    if any(type(item) not in (int, float, bool) for item in value):
        wrong("holds what is no number")
    try:
        return np.array(value) if value else np.array([], dtype)
    except OverflowError:
        wrong("holds a number that is out of range")
