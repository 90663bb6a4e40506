"""What the checksum that a service states says of bytes that came from it."""

from __future__ import annotations

import hashlib
from enum import StrEnum
from typing import Protocol


class Match(StrEnum):
    """What a comparison with a service's checksum says."""

    SAME = "same"
    DIFFERENT = "different"
    UNVERIFIABLE = "unverifiable"
    """None is stated, or one of parts that does not fit: the parts may have had another size."""


class Check(Protocol):
    """Takes a file's bytes as they come and says whether they are those of the checksum that the service states."""

    size: int
    stated: str

    def update(self, block: bytes | memoryview) -> None:
        """Take the next bytes."""
        ...

    def match(self) -> Match:
        """Compare all bytes so far with the checksum."""
        ...


class HashCheck:
    """A check by a hash of the whole content.

    Args:
        state: The hash, fresh, or with what stands before the content.
        stated: Its value as lower-case hex; ``""`` where the service states none.
    """

    def __init__(self, state: hashlib._Hash, stated: str) -> None:
        self.size, self.stated = 0, stated
        self._state = state

    def update(self, block: bytes | memoryview) -> None:
        self._state.update(block)
        self.size += len(block)

    def match(self) -> Match:
        if not self.stated:
            return Match.UNVERIFIABLE
        return Match.SAME if self._state.hexdigest() == self.stated.lower() else Match.DIFFERENT
