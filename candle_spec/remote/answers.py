"""What a service answers: never more than its bound, never longer than its time."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from candle_spec import limits
from candle_spec.errors import LimitExceededError, ServiceError

ANSWER_SECONDS: Final = 900.0
"""Of one whole answer that is no file, however slowly it comes."""

_RANGE: Final = re.compile(r"bytes ([0-9]{1,18})-[0-9]{1,18}/([0-9]{1,18}|\*)")


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back: status, headers, the whole body, and from which host."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    host: str

    def json(self) -> Any:
        """Return the body as JSON.

        Raises:
            ServiceError: It is none.
        """
        try:
            return json.loads(self.body)
        except (ValueError, RecursionError) as error:
            words = "the service answered with something that is no JSON"
            raise ServiceError(words, location=self.host) from error

    def said(self) -> Any:
        """Return the body of a refusal as JSON, ``None`` where it is none: anything may stand before a service."""
        try:
            return self.json()
        except ServiceError:
            return None


def bounded(blocks: Iterable[bytes], host: str, clock: Callable[[], float] = time.monotonic) -> Iterator[bytes]:
    """Yield the blocks of an answer, up to its bound and within its time.

    Args:
        blocks: The blocks as they come.
        host: Whose they are, for messages.
        clock: Seconds; replaced by tests.

    Raises:
        LimitExceededError: More comes, or it takes longer.
    """
    passed, deadline = 0, clock() + ANSWER_SECONDS
    for block in blocks:
        passed += len(block)
        if passed > limits.SERVICE_ANSWER or clock() > deadline:
            raise LimitExceededError("the service answers without an end", location=host, hint="check its address")
        yield block


def content_from(response: Any, start: int, location: str) -> Iterator[bytes]:
    """Yield the content of an answer to a request for all bytes from ``start`` on, as the blocks come.

    A block that was being filled would be lost with the connection, so that none is filled.

    Raises:
        ServiceError: It is the answer to another request.
    """
    skip = _to_skip(response, start, location)
    for block in response.iter_raw():
        if len(block) > skip:
            yield block[skip:]
        skip = max(0, skip - len(block))


def _to_skip(response: Any, start: int, location: str) -> int:
    """Return how many bytes of an answer are here already: all up to ``start`` where no ranges are sent."""
    if response.status_code == 200:
        return start
    match = _RANGE.fullmatch(response.headers.get("content-range", ""))
    if response.status_code == 206 and match and int(match[1]) == start:
        return 0
    raise ServiceError(f"the archive answers {response.status_code} to a download from byte {start}", location=location)
