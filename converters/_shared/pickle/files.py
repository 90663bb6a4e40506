"""Files of plain pickles and joblib dumps: whether a file is one, how it is packed, what its streams describe."""

from __future__ import annotations

import mmap
import tempfile
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from candle_spec.converters._shared.pickle import joblib
from candle_spec.converters._shared.pickle.signatures import HEAD, MARK, begins_as_pickle, ends_of, packed_as
from candle_spec.errors import CandleSpecError, CorruptFileError, EmptyFileError, LimitExceededError, TruncatedFileError
from candle_spec.readers import inert_pickle
from candle_spec.readers.inert_pickle import Global, Loaded

_ROOTS: Final = 1_000


@dataclass(slots=True)
class PickleFile:
    """What a file holds.

    Attributes:
        path: Where its bytes stand: the native file, or what it was unpacked to.
        packed: How it is packed, ``""`` for not at all.
        roots: The pickles that follow each other in it; mostly one.
        embedded: Reader of the arrays between the opcodes.
        protocol: Protocol that the first pickle states, 0 for none.
        size: Bytes, unpacked.
    """

    path: Path
    packed: str
    roots: list[Loaded]
    embedded: joblib.Embedded
    protocol: int
    size: int
    loaded: list[Loaded] = field(default_factory=list)

    @property
    def end(self) -> int:
        """Position after the last pickle."""
        return self.roots[-1].end

    @property
    def value(self) -> Any:
        """The root; of several pickles, the list of them."""
        return self.roots[0].value if len(self.roots) == 1 else [root.value for root in self.roots]

    @property
    def imports(self) -> tuple[Global, ...]:
        """Everything that the pickles name, in order of first appearance."""
        named = (found for loaded in (*self.roots, *self.embedded.nested) for found in loaded.globals)
        return tuple(dict.fromkeys(named))


def confidence(path: Path) -> tuple[int, str]:
    """Return how sure it is that a file is a plain pickle (0: it is none) and how it is packed; cheap."""
    head, last = ends_of(path)
    packed = packed_as(head)
    if packed in ("lz4", "ZF"):
        return (20 if packed == "lz4" else 60), packed
    if packed:
        start = joblib.packed_start(path, packed)
        found = _sure(start[:HEAD], b".")
        return (found - 5 if found else 0), packed
    return _sure(head, last), ""


def _sure(head: bytes, last: bytes) -> int:
    """How sure the first bytes make; of old protocols the last byte counts, too."""
    if not begins_as_pickle(head, last):
        return 0
    marked = head[0] == MARK
    embedded = joblib.Embedded(memoryview(head), Path(), "")
    try:
        loaded = inert_pickle.load(head, location="", spans=True, embedded=embedded)
    except TruncatedFileError:
        return 75 if marked else 65
    except CandleSpecError:
        # A damaged pickle is still one, if it began as one: the reason is told when it is read.
        return 40 if marked and head[2:3] and head[2] in _STARTS else 0
    good = all(found.module.replace(".", "").isidentifier() for found in loaded.globals)
    return (75 if marked else 65) if good else 0


_STARTS: Final = b"\x95}](cCX\x8c\x8a\x8e\x8d)N\x88\x89KJGB\x8f\x96"


def read(path: Path, resources: ExitStack) -> PickleFile:
    """Read all pickles of a file; what is packed is unpacked into a temporary folder.

    Raises:
        CorruptFileError: It is damaged.
        UnsupportedFormatError: It is packed by what is not unpacked here, or keeps arrays elsewhere.
        LimitExceededError: It is beyond the bounds.
    """
    with path.open("rb") as file:
        packed = packed_as(file.read(HEAD))
    where = path
    if packed:
        joblib.refuse_packing(packed, str(path))
        where = temporary_folder(resources) / "unpacked.pkl"
        joblib.unpack(path, packed, where)
    size = where.stat().st_size
    if not size:
        raise EmptyFileError("the file holds nothing", location=str(path))
    with where.open("rb") as opened:
        data = memoryview(mmap.mmap(opened.fileno(), 0, access=mmap.ACCESS_READ))
    embedded = joblib.Embedded(data, where, str(path))
    roots = _roots(data, str(path), embedded)
    return PickleFile(where, packed, roots, embedded, data[1] if data[0] == 0x80 and size > 1 else 0, size)


def temporary_folder(resources: ExitStack) -> Path:
    """Return a new folder that goes when the tensors are no longer needed."""
    # Memory maps of its files may still be open, which Windows does not remove.
    folder = tempfile.TemporaryDirectory(prefix="candle-spec-", ignore_cleanup_errors=True)
    return Path(resources.enter_context(folder)).resolve()


def _roots(data: memoryview, location: str, embedded: joblib.Embedded) -> list[Loaded]:
    """Read pickles one after the other; what follows and is none is left alone."""
    roots = [inert_pickle.load(data, location=location, spans=True, embedded=embedded)]
    while roots[-1].end < len(data):
        if len(roots) >= _ROOTS:
            raise LimitExceededError(f"more than {_ROOTS} pickles in one file", location=location)
        if data[roots[-1].end] != 0x80:
            break  # only pickles that say that they are one are told from padding and other content
        try:
            roots.append(inert_pickle.load(data, location=location, start=roots[-1].end, spans=True, embedded=embedded))
        except CorruptFileError:
            break
    return roots
