"""Read one pickle: opcode by opcode, through :class:`.machine.Machine`.

All opcodes of protocols 0 to 5 (https://github.com/python/cpython/blob/main/Lib/pickletools.py describes them) are
read; nothing is imported or called, and no object of the stream is hashed. The numbers of opcodes and of memo entries
are bounded, and no step recurses, so that depth costs nothing here.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import Any, Final

from candle_spec import limits
from candle_spec.errors import CandleSpecError, LimitExceededError
from candle_spec.readers.inert_pickle.machine import Embedded, Machine
from candle_spec.readers.inert_pickle.nodes import Global, Persistent
from candle_spec.readers.inert_pickle.opcodes import HANDLERS

_STOP: Final = 0x2E


@dataclass(frozen=True, slots=True)
class Loaded:
    """What one stream describes.

    Attributes:
        value: The root.
        globals: Everything named, in order of first appearance.
        persistent: All references to the container, in the order of the stream.
        end: Position after the stream's last byte.
    """

    value: Any
    globals: tuple[Global, ...]
    persistent: tuple[Persistent, ...]
    end: int


def load(
    data: bytes | memoryview, *, location: str, start: int = 0, spans: bool = False, embedded: Embedded | None = None
) -> Loaded:
    """Read one pickle from ``data`` at ``start``.

    Args:
        data: The stream, or a file that holds it.
        location: The file in words, for errors.
        start: First byte of the pickle.
        spans: Whether long byte strings and texts are left where they stand (:class:`.Span`).
        embedded: Reads what a container has put between the opcodes.

    Raises:
        CorruptFileError: The stream breaks the rules of pickle; the message names the byte.
        TruncatedFileError: It ends too early.
        LimitExceededError: It is larger than the bounds of :mod:`candle_spec.limits`.
    """
    machine = Machine(memoryview(data).cast("B"), start, location, spans, embedded)
    for _ in range(limits.PICKLE_OPCODES):
        position = machine.at
        if position < machine.end:  # as machine.byte(), of which a call for each opcode would be felt
            code = machine.data[position]
            machine.at = position + 1
        else:
            code = machine.byte()
        try:
            if code == _STOP:
                return Loaded(machine.pop(), tuple(machine.globals), tuple(machine.persistent), machine.at)
            HANDLERS[code](machine)
        except CandleSpecError:
            raise
        except (IndexError, KeyError, ValueError, TypeError, OverflowError, struct.error) as error:
            raise machine.corrupt(f"malformed pickle: {error}", position) from error
    raise LimitExceededError(f"more than {limits.PICKLE_OPCODES} pickle opcodes", location=location)
