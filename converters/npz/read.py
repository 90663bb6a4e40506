"""NumPy's files as a checkpoint: the headers of all arrays are read, whose items stay where they stand."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from candle_spec import limits
from candle_spec.conversion.contract import Group, InertPickle, Native, NativeFormat, Part, Source
from candle_spec.conversion.meaning import infer_name
from candle_spec.converters._shared.numpy.members import items_of, read_header, wrong_length
from candle_spec.converters._shared.numpy.tensors import Items, tensor_of
from candle_spec.converters._shared.pickle.imports import imports_of as named_pickle
from candle_spec.converters._shared.source_files import first_bytes
from candle_spec.converters.npz import ENDING
from candle_spec.errors import UnsupportedFormatError
from candle_spec.problems import Location, Problem, Severity
from candle_spec.readers import inert_pickle
from candle_spec.readers.npy_header import START, PickledObjectsError, header_end
from candle_spec.readers.signatures import NPY
from candle_spec.readers.zip_archive import Entry, ZipArchive
from candle_spec.weights.sources import FileBytes, TensorSource, total_size


def read(source: Source) -> Native:
    """Read the headers of all arrays.

    Raises:
        CorruptFileError: A header or the archive is damaged.
        UnsupportedFormatError: It holds nothing but objects.
    """
    file = source.files[0]
    if first_bytes(file.path, len(NPY)) == NPY:
        return _single(source)
    return _Reading(source, ZipArchive(file.path)).native()


def _single(source: Source) -> Native:
    file = source.files[0]
    header, _ = read_header(FileBytes(file.path, 0, file.size).blocks, str(file.path))
    if header.offset + header.size != file.size:
        raise wrong_length(header.offset + header.size, file.size, str(file.path))
    data = FileBytes(file.path, header.offset, header.size)
    items = Items(header, str(file.path), file.path, header.offset, data.blocks)
    native = Native(NativeFormat("npz", "npy", "NumPy array", "numpy"), source, weights_metadata={"format": "np"})
    name = file.name.rpartition("/")[2].removesuffix(ENDING) or "array"
    native.tensors = [tensor_of(items, "model", name)]
    return _finish(native, [])


class _Reading:
    """One archive while it is being read."""

    def __init__(self, source: Source, archive: ZipArchive) -> None:
        self._source = source
        self._archive = archive
        self._unread: list[Entry] = []

    def native(self) -> Native:
        """Return everything that was found."""
        entries = list(self._archive.entries.values())
        packed = [entry for entry in entries if not entry.stored]
        variant = "npz-compressed" if packed else "npz"
        title = "NumPy archive, compressed" if packed else "NumPy archive"
        evidence = (f"zip archive of {len(entries)} .npy members",)
        about = NativeFormat("npz", variant, title, "numpy", written=_written(entries), evidence=evidence)
        native = Native(about, self._source, weights_metadata={"format": "np"})
        native.tensors = [tensor for entry in entries if (tensor := self._tensor(entry)) is not None]
        if not native.tensors and self._unread:
            raise UnsupportedFormatError(
                "the archive holds nothing but pickled Python objects, which are not unpickled",
                location=str(self._source.path),
                hint="save arrays of numbers or of strings",
            )
        native.pickles = [self._pickle(entry) for entry in self._unread]
        native.checks = [partial(self._archive.crc_fault, entry) for entry in entries]
        if packed:
            size = sum(entry.packed for entry in packed)
            reason = "packed members are kept beside the unpacked tensors, so that the file comes back"
            native.parts.append(Part("packed members", "residue", reason, count=len(packed), size=size))
        return _finish(native, self._unread)

    def _pickle(self, entry: Entry) -> InertPickle:
        """Name what an array of objects, which is a pickle behind a header, would import."""
        data = self._archive.read(entry.name, limits.PICKLE_BYTES)
        location = f"{self._source.path}: {entry.name}"
        loaded = inert_pickle.load(data, location=location, start=header_end(data[:START], location))
        return named_pickle(self._source.files[0].name, entry.name, loaded.globals)

    def _tensor(self, entry: Entry) -> TensorSource | None:
        try:
            items = items_of(self._archive, entry)
        except PickledObjectsError:
            self._unread.append(entry)
            return None
        return tensor_of(items, "model", entry.name.removesuffix(ENDING))


def _written(entries: Sequence[Entry]) -> str:
    return max((entry.modified for entry in entries), default="")


def _finish(native: Native, unread: Sequence[Entry]) -> Native:
    native.groups = [Group("model", "model")]
    native.fields = [infer_name(native.source)]
    size = total_size(native.tensors)
    native.parts.insert(0, Part("model", "kept", count=len(native.tensors), size=size))
    if unread:
        names = ", ".join(entry.name for entry in unread)
        reason = f"pickled Python objects, which are not unpickled: {names}"[:1990]
        total = sum(entry.size for entry in unread)
        native.parts.append(Part("objects", "residue", reason, count=len(unread), size=total))
    native.parts.append(Part("topology", "absent", "the file holds arrays only"))
    native.problems = [_nameless(tensor, native) for tensor in native.tensors if _is_nameless(tensor)]
    return native


def _is_nameless(tensor: TensorSource) -> bool:
    return tensor.encoding is not None and tensor.encoding.params.get("byte_order") == "unknown"


def _nameless(tensor: TensorSource, native: Native) -> Problem:
    width = tensor.parts["values"].shape[-1]
    guess = {1: "float8 or int4", 2: "bfloat16"}.get(width, "another")
    message = f"the items of {tensor.name!r} are {width} opaque bytes of a dtype that the file does not name"
    return Problem(
        "CKP4007",
        Severity.WARNING,
        message,
        Location(file=native.source.files[0].name, tensor=tensor.name),
        hint=f"if it was {guess}, view the bytes as that",
    )
