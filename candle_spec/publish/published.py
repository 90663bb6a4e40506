"""What a service holds of a publication: its checkpoints, and how each of their files comes."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

from candle_spec.errors import UnsafeContentError
from candle_spec.paths import path_fault
from candle_spec.remote.incoming import Incoming


@dataclass(frozen=True, slots=True)
class Part:
    """One checkpoint at a service.

    Attributes:
        prefix: Where it goes below the target: ``""``, or ``epochs/001/`` in a series.
        location: Where it is, for messages.
        find: Returns the service's name of a file of the checkpoint, ``None`` where it has none.
        incoming: Returns a file by the service's name.
    """

    prefix: str
    location: str
    find: Callable[[str], str | None]
    incoming: Callable[[str], Incoming]


@dataclass(frozen=True, slots=True)
class Published:
    """What there is to fetch.

    Attributes:
        name: What it is called here, where nobody says otherwise.
        parts: The checkpoints.
        pointers: What ``best`` and ``last`` of a series name (``epochs/002``).
        file: One file that is no checkpoint, where that is what was asked for.
    """

    name: str
    parts: Iterable[Part] = ()
    pointers: Mapping[str, str] = field(default_factory=dict)
    file: Incoming | None = None


def safe_local_path(path: str, *, location: str) -> str:
    """Return a path that a stranger gave for a file of a checkpoint, if it may be written there.

    Raises:
        UnsafeContentError: It leaves the folder, or is no path that every system can store.
    """
    if fault := path_fault(path):
        raise UnsafeContentError(f"the path {path!r} cannot be used: {fault}", location=location)
    return path
