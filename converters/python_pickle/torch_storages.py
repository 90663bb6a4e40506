"""Tensors of torch in plain pickles: each storage is a whole torch file, as bytes in the pickle.

``pickle.dump`` of a tensor writes ``torch.storage._load_from_bytes(<bytes>)``
(https://github.com/pytorch/pytorch/blob/main/torch/storage.py); the bytes are a legacy stream or a zip archive that
holds one storage. The tensor's numbers are found at their place in the outer file.
"""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from candle_spec import limits
from candle_spec.converters._shared.pickle.files import temporary_folder
from candle_spec.converters._shared.torch.files import is_legacy, read_legacy, read_zip
from candle_spec.converters.python_pickle.array_reader import ArrayReader
from candle_spec.errors import CorruptFileError, LimitExceededError
from candle_spec.readers.inert_pickle import Call, Global
from candle_spec.readers.torch_objects import FROM_BYTES, TorchObjects
from candle_spec.readers.torch_views import Storage
from candle_spec.weights.sources import FileBytes, MemoryBytes


class TorchStorages:
    """Gives the storages of the torch files inside one pickle.

    Args:
        arrays: Says where bytes of the pickle stand.
        resources: Where temporary folders go.
        location: The file in words, for errors.

    Attributes:
        imports: What the pickles inside the torch files name.
    """

    def __init__(self, arrays: ArrayReader, resources: ExitStack, location: str) -> None:
        self._arrays = arrays
        self._resources = resources
        self._location = location
        self._folder: Path | None = None
        self._made: dict[int, tuple[Any, Storage]] = {}
        self.imports: list[Global] = []

    def storage_of(self, node: Any) -> Storage:
        """Return the storage that a record makes from bytes.

        Raises:
            CorruptFileError: The record is of another kind, or its bytes are no torch file.
        """
        if not isinstance(node, Call) or node.path != FROM_BYTES:
            message = "a reference to a container, which a plain pickle has not"
            raise CorruptFileError(message, location=self._location)
        if id(node) not in self._made:
            self._made[id(node)] = node, self._read(node)
        return self._made[id(node)][1]

    def _read(self, node: Call) -> Storage:
        data = self._arrays.stored(node.args[0]) if isinstance(node.args, tuple) and len(node.args) == 1 else None
        if data is None:
            raise CorruptFileError("a torch file inside the pickle is no bytes", location=self._location)
        path = self._copy(data)
        with path.open("rb") as opened:
            legacy = is_legacy(opened.read(64))
        file = read_legacy(path) if legacy else read_zip(path, unpacked=partial(temporary_folder, self._resources))
        inner = file.pickles[0]
        self.imports += inner.loaded.globals
        objects = TorchObjects(inner.storage_of, f"{self._location}: torch file in the pickle")
        try:
            storage = objects.storage(inner.loaded.value)
        except (ValueError, TypeError, KeyError, IndexError, AttributeError) as error:
            if isinstance(error, CorruptFileError):
                raise
            message = f"a torch file inside the pickle holds no storage: {error}"
            raise CorruptFileError(message, location=self._location) from error
        if isinstance(data, FileBytes):
            return replace(storage, path=data.path, offset=data.offset + storage.offset)
        return storage

    def _copy(self, data: FileBytes | MemoryBytes) -> Path:
        """Write the bytes to a file of their own: the readers of torch files read files."""
        if data.size > limits.PICKLE_BYTES:
            raise LimitExceededError(f"a torch file of {data.size} bytes inside a pickle", location=self._location)
        if self._folder is None:
            self._folder = temporary_folder(self._resources)
        path = self._folder / f"storage{len(self._made)}"
        with path.open("wb") as file:
            for block in data.blocks():
                file.write(block)
        return path
