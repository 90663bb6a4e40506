"""An archive as a checkpoint: unpacked into a temporary folder, and read by the converter of what is inside."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from contextvars import ContextVar
from dataclasses import replace
from pathlib import Path
from typing import Final

from candle_spec import limits
from candle_spec.conversion.contract import Native, NativeFile, NativeFormat, Part, Source
from candle_spec.conversion.foreign import foreign_content
from candle_spec.conversion.meaning import infer_name
from candle_spec.converters._shared.folders.inner import contain, override_fields
from candle_spec.converters.archive import ENDINGS, TITLES, contents
from candle_spec.converters.archive.detect import kind_of_packing
from candle_spec.converters.archive.unpacked import Unpacked, place_in, unpack_one, unpack_tar, unpack_zip
from candle_spec.errors import CandleSpecError, EmptyFileError, LimitExceededError

_DEPTH: ContextVar[int] = ContextVar("archive_depth", default=0)


_ENDING_OF_MODELS: Final = r"\.(pt|pth|ckpt|bin|pkl|jit|h5|hdf5|keras|safetensors|onnx|npz|npy|joblib|json|ubj|txt)\Z"


def read(source: Source) -> Native:
    """Unpack the archive and read what is contents.

    Raises:
        ForeignContentError: Nothing in it is known here.
        InvalidInputError: It holds several checkpoints.
        UnsafeContentError: It could harm.
        WriteFailedError: It cannot be unpacked here.
    """
    file = source.files[0]
    kind = kind_of_packing(file.path)
    with _deeper(file.path), ExitStack() as resources:
        folder = Path(resources.enter_context(tempfile.TemporaryDirectory(prefix="candle-spec-"))).resolve()
        unpacked = _unpack(file, kind, folder / (_stem(file.name) or "archive"))
        if not any(each.size for each in unpacked.files):
            raise EmptyFileError("the archive holds nothing", location=str(file.path))
        with _located(folder, file.path):
            native = _inner(source, kind, unpacked)
        native.resources.push(resources.pop_all())
    return native


@contextmanager
def _deeper(path: Path) -> Iterator[None]:
    """Bound archives inside archives."""
    depth = _DEPTH.get()
    if depth >= limits.ARCHIVE_DEPTH:
        raise LimitExceededError(f"archives are nested more than {limits.ARCHIVE_DEPTH} deep", location=str(path))
    token = _DEPTH.set(depth + 1)
    try:
        yield
    finally:
        _DEPTH.reset(token)


def _stem(name: str) -> str:
    return ENDINGS.sub("", name.rpartition("/")[2])


def _unpack(file: NativeFile, kind: str, root: Path) -> Unpacked:
    root.mkdir()
    if kind == "zip":
        return unpack_zip(file.path, root)
    if kind.startswith("tar"):
        return unpack_tar(file.path, root, kind.partition(".")[2])
    if not kind:
        raise foreign_content(Source(file.path, (file,)))
    return unpack_one(file.path, root, kind, _stem(file.name) or "content")


def _inner(source: Source, kind: str, unpacked: Unpacked) -> Native:
    """Read what is inside and let it be the content of the archive."""
    file = source.files[0]
    found, others = contents.find(unpacked, file.path)
    native = found.read(Source(unpacked.root, tuple(unpacked.files), source.topology))
    name = contents.name_of(native, found, re.sub(_ENDING_OF_MODELS, "", _stem(file.name)))
    contents.keep_others(native, unpacked, found, others)
    place_in(native, file.path, unpacked.places)
    title = f"{TITLES.get(kind, kind)} archive: {native.format.title}"
    about = NativeFormat("archive", f"{kind}:{native.format.id}"[:200], title, "")
    contain(native, source, about)
    # Names inside the archive stay as they are: the file that holds them is the archive.
    native.pickles = [
        replace(each, file=file.name, member=f"{each.file}/{each.member}".rstrip("/")) for each in native.pickles
    ]
    override_fields(native, [infer_name(source, name)])
    if kind not in ("zip", "tar"):
        reason = "the archive is packed as a whole: its bytes are kept beside the tensors"
        native.parts.append(Part("archive", "residue", reason, size=file.size))
    return native


@contextmanager
def _located(folder: Path, archive: Path) -> Iterator[None]:
    """Let errors speak of the archive, not of the temporary folder."""
    try:
        yield
    except CandleSpecError as error:
        error.location = error.location.replace(str(folder), str(archive))
        raise
