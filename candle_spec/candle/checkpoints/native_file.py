"""Files of the framework's own: as a copy beside our checkpoint, and as what CANDLE itself left to restart from."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from candle_spec.checkpoint.checkpoint import Checkpoint
from candle_spec.checkpoint.contents import Contents, InertPickle, SideFile

MODEL_FILE: Final = "model.h5"


def add_native_copy(contents: Contents, write: Callable[[Path], Any]) -> None:
    """Put a file that the framework writes itself beside the weights, and list the pickles in it.

    Args:
        contents: What the checkpoint will hold.
        write: Writes the file.
    """
    from candle_spec.conversion.native import read_native

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / MODEL_FILE
        write(path)
        native, _ = read_native(path)
        pickles = [InertPickle(MODEL_FILE, each.member, each.imports, each.unknown_imports) for each in native.pickles]
        native.resources.close()
        data = path.read_bytes()
    media_type = "application/x-hdf5" if data[:4] == b"\x89HDF" else "application/octet-stream"
    contents.side_files = [*contents.side_files, SideFile(MODEL_FILE, data, media_type, "artifact")]
    contents.pickles = [*contents.pickles, *pickles]


@contextmanager
def converted(native: Path) -> Iterator[Checkpoint]:
    """Read a native file as a checkpoint of ours, by the converter of its content; no pickle is run.

    Raises:
        CandleSpecError: It is no checkpoint, or damaged.
    """
    from candle_spec.conversion.convert import Options, convert

    with tempfile.TemporaryDirectory() as folder:
        done = convert(native, Path(folder) / "native.candle", Options(without_original=True))
        yield Checkpoint(done.path)
