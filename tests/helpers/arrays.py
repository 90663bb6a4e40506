"""Arrays of NumPy of every dtype that has values, and when one is what another was."""

from __future__ import annotations

import ml_dtypes
import numpy as np
from numpy.lib.recfunctions import repack_fields

from candle_spec.weights.dtypes import to_numpy

INNER = np.dtype([("x", "<i2"), ("y", ">f4", (2,))])
RECORD = np.dtype(
    [
        ("bytes", "S8"),
        ("big", ">f8"),
        ("pair", "<i8", (2,)),
        ("pairs", ">u2", (2, 1)),
        ("record", INNER),
        ("records", INNER, (2,)),
        ("text", ">U3"),
        ("bf16", ml_dtypes.bfloat16),
        ("e5m2", ml_dtypes.float8_e5m2),
        ("i4", ml_dtypes.int4),
        ("wide", np.longdouble),
        ("complex", ">c16"),
        ("wide complex", np.clongdouble),
        ("day", ">M8[D]"),
        ("flag", "?"),
        ("opaque", "V5"),
        (("title", "titled"), "<f2"),
    ],
    align=True,
)
EXTENDED = ("bf16", "e5m2", "i4")


def numbered() -> np.ndarray:
    """Return records whose fields are no zeros; what lies between fields is."""
    made = np.zeros((3, 2), RECORD)
    for name in ("big", "pair", "bf16", "e5m2", "i4", "wide", "complex", "wide complex", "titled"):
        made[name] = np.arange(6).reshape(3, 2, *([1] if name == "pair" else []))
    made["bytes"], made["text"], made["opaque"], made["day"] = b"ab", "äö", b"\0\1", np.datetime64("2020-02-03")
    made["record"]["y"] = 1.5
    return made


ARRAYS: dict[str, np.ndarray] = {
    "big": np.arange(6.0).astype(">f8").reshape(2, 3),
    "bytes of one size": np.array([[b"abc", b""], [b"\xff", b"\0a"]]),
    "no bytes": np.zeros((0, 3), "S3"),
    "text": np.array(["größe", "", "\U0001f600"]),
    "big text": np.array(["a", "bc"], ">U5"),
    "no text": np.array([0x110000, 0xD800, 65], "<u4").view("<U1"),
    "big no text": np.array([0xDFFF, 66], ">u4").view(">U1"),
    "days": np.array(["2021-05-06", "NaT"], "M8[D]"),
    "days backwards": np.arange(10).astype("<M8[s]")[::-3],
    "an hour": np.array("2020-01-01T00", "M8[h]"),
    "spans": np.array([1, 2], ">m8[25ns]"),
    "wide": np.arange(5, dtype=np.longdouble) / 3,
    "big wide": (np.arange(5, dtype=np.longdouble) / 3).astype(np.dtype(np.longdouble).newbyteorder(">")),
    "records": numbered(),
    "records that NumPy knows": repack_fields(
        numbered()[[name for name in RECORD.names or () if name not in EXTENDED]]
    ),
    "records in columns": numbered().T,
    "one record": numbered()[0, 0:1].reshape(()),
    "no records": numbered()[:0],
    "opaque": np.array([b"ab", b"c"], "V4"),
    "complex": (np.arange(4) * (1 + 2j)).reshape(2, 2).T,
    "big complex": (np.arange(4) * (1 + 2j)).astype(">c16"),
    "bf16": np.arange(3, dtype=ml_dtypes.bfloat16),
    **{
        name: np.array([1, 0, 1], to_numpy(name))
        for name in ("F8_E3M4", "F8_E4M3B11FNUZ", "I4", "U4", "I2", "U2", "F6_E2M3", "F4")
    },
}


def same(back: np.ndarray, array: np.ndarray) -> bool:
    """Whether an array is another one: dtype with its byte order, shape, bytes."""
    one, other = ((each.dtype, each.dtype.str, each.shape) for each in (back, array))
    return one == other and back.tobytes() == np.ascontiguousarray(array).tobytes()
