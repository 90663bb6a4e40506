"""Load the tensors of an opened checkpoint: encodings undone, each file opened once, tied names the same object."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

from candle_spec.checkpoint.inventory import StoredArray, Tensor
from candle_spec.errors import CorruptFileError
from candle_spec.weights.reader import SafetensorsFile

Library = Literal["numpy", "torch"]


class TensorLoader:
    """Loads tensors on private memory maps.

    Args:
        file: Gives the real path of a file of the checkpoint.
        find: Gives the tensor of a group and a name.
    """

    def __init__(self, file: Callable[[str], Path], find: Callable[[str, str], Tensor]) -> None:
        self._file = file
        self._find = find
        self._open: dict[str, SafetensorsFile] = {}

    def tied(self, tensor: Tensor, library: Library, made: dict[tuple[str, str], Any]) -> Any:
        """Load a tensor once, into ``made``; an alias is the very object of its target.

        Raises:
            CorruptFileError: It is an alias of an alias.
        """
        key = tensor.group, tensor.name
        if key not in made:
            made[key] = None  # keeps the native order of names when the alias comes first
            target = self._find(*tensor.alias_of) if tensor.alias_of else tensor
            if target.alias_of:
                raise CorruptFileError(f"{target.name!r} is an alias of an alias", code="CKP4023")
            made[key] = self.load(target, library) if target is tensor else self.tied(target, library, made)
        return made[key]

    def load(self, tensor: Tensor, library: Library) -> Any:
        """Load a tensor."""
        if tensor.alias_of:
            return self.load(self._find(*tensor.alias_of), library)
        if library == "torch":
            return self._torch_tensor(tensor)
        from candle_spec.weights.native_dtype import as_native

        return as_native(self._array(tensor), tensor.attributes)

    def _array(self, tensor: Tensor) -> Any:
        if not tensor.encoding:
            return self._numpy(tensor.arrays[""])
        from candle_spec.weights.encodings import decode

        parts = {name: self._numpy(array) for name, array in tensor.arrays.items()}
        return decode(tensor.dtype, tensor.shape, tensor.encoding, tensor.params, parts)

    def _torch_tensor(self, tensor: Tensor) -> Any:
        if not tensor.encoding:
            return self._torch(tensor.arrays[""])
        from candle_spec.weights.torch_encodings import decode_torch

        parts = {name: self._torch(array) for name, array in tensor.arrays.items()}
        return decode_torch(tensor.dtype, tensor.shape, tensor.encoding, tensor.params, parts)

    def safetensors(self, path: str) -> SafetensorsFile:
        """Return one weights file, opened once."""
        if path not in self._open:
            self._open[path] = SafetensorsFile(self._file(path))
        return self._open[path]

    def _numpy(self, array: StoredArray) -> Any:
        return self.safetensors(array.file).numpy(array.key)

    def _torch(self, array: StoredArray) -> Any:
        return self.safetensors(array.file).torch(array.key)
