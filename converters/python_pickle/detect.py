"""A pickle is known by its mark and protocol or, of old protocols, by its first opcode and its last byte.

Whether what begins so is one is seen by reading the first opcodes, of packed files after unpacking the beginning.
"""

from __future__ import annotations

from candle_spec.conversion.contract import Detection, Source
from candle_spec.converters._shared.pickle.signatures import begins_as_pickle, ends_of, packed_as


def detect(source: Source) -> Detection | None:
    """Recognise a pickle by its first opcodes, packed or not."""
    if len(source.files) != 1 or not source.files[0].size:
        return None
    path = source.files[0].path
    head, last = ends_of(path)
    if not packed_as(head) and not begins_as_pickle(head, last):
        return None
    from candle_spec.converters._shared.pickle.files import confidence

    sure, packed = confidence(path)
    if not sure:
        return None
    return Detection(sure, f"pickle or joblib dump packed by {packed}" if packed else "Python pickle or joblib dump")
