"""What the records of a torch pickle mean: tensors and the storages they look at. torch is not imported.

The functions that rebuild tensors are those of ``torch/_utils.py``
(https://github.com/pytorch/pytorch/blob/main/torch/_utils.py); their argument order is what counts here.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from candle_spec import limits
from candle_spec.errors import CorruptFileError, UnsupportedFormatError
from candle_spec.readers.inert_pickle import Call, Global, Persistent
from candle_spec.readers.inert_pickle import Mapping as Pairs
from candle_spec.readers.torch_dtypes import DTYPES, ITEM_BYTES, PER_BYTE, STORAGES
from candle_spec.readers.torch_views import QuantizedView, SparseView, Storage, TensorView, View

FROM_BYTES: Final = "torch.storage._load_from_bytes"
"""Makes a storage of the bytes of a torch file: what ``pickle.dump`` writes for a tensor."""

_TENSOR: Final = {"_rebuild_tensor", "_rebuild_tensor_v2", "_rebuild_tensor_v3", "_rebuild_qtensor"}
_REFUSED: Final = {
    "_rebuild_device_tensor_from_numpy": "a tensor of a foreign device",
    "_rebuild_device_tensor_from_cpu_tensor": "a tensor of a foreign device",
    "_rebuild_xla_tensor": "a tensor of a foreign device",
}
_WRAPPER: Final = "_rebuild_wrapper_subclass"
_STATES: Final[Mapping[str, Mapping[int, tuple[str, ...]]]] = {
    "_rebuild_parameter": {0: ()},
    "_rebuild_parameter_with_state": {0: ()},
    "_rebuild_from_type_v2": {3: ()},
    "_rebuild_nested_tensor": {0: ("buffer",), 1: ("sizes",), 2: ("strides",), 3: ("offsets",)},
}
"""Arguments in which the tensors stand of which a tensor consists, and the names that these are given there."""


@dataclass(frozen=True, slots=True)
class TorchObjects:
    """Reads tensors out of records.

    Attributes:
        storage_of: Gives the storage of a persistent id, or of a record that makes one from bytes.
        location: For messages.
    """

    storage_of: Callable[[Any], Storage]
    location: str

    def tensor(self, node: Any) -> View | None:
        """Return the tensor that a record describes, or ``None`` if it describes none; a view stands for itself.

        Raises:
            CorruptFileError: It is malformed, or lies beyond its storage.
            UnsupportedFormatError: It is of a kind that has no bytes of its own here.
        """
        if isinstance(node, View):
            return node
        if not isinstance(node, Call) or not isinstance(node.function, Global):
            return None
        module, name = node.function.module, node.function.name
        if module not in ("torch._utils", "torch._tensor"):
            return None
        try:
            return self._tensor(name, node.args)
        except (TypeError, ValueError, IndexError, KeyError) as error:
            if isinstance(error, (CorruptFileError, UnsupportedFormatError)):
                raise
            raise CorruptFileError(f"a malformed record of {name}: {error}", location=self.location) from error

    def composed(self, node: Any) -> Mapping[int, tuple[str, ...]] | None:
        """Return in which arguments of a record the tensors stand of which its tensor consists, and their names there.

        Subclasses that wrap tensors (those of quantised and 8-bit trainings) keep them in their attributes, by name; a
        nested tensor has its buffer. ``None`` for any other record: it is a tensor by itself, or none.

        Raises:
            UnsupportedFormatError: It is a part of a tensor, of which other processes hold the rest.
        """
        if not isinstance(node, Call) or not isinstance(node.function, Global) or not isinstance(node.args, tuple):
            return None
        module, name = node.function.module, node.function.name
        if module not in ("torch._utils", "torch._tensor") or name not in _STATES or not node.args:
            return None
        first = node.args[0]
        if name == "_rebuild_from_type_v2":
            if not isinstance(first, Global) or first.name != _WRAPPER or len(node.args) < 4:
                return None
            self._whole(*node.args[1:4])
        elif name != "_rebuild_nested_tensor" and self.composed(first) is None:
            return None
        return _STATES[name]

    def _whole(self, kind: Any, made_of: Any, state: Any) -> None:
        """Refuse the piece that one process has of a distributed tensor."""
        held = state if isinstance(state, tuple) else (state,)  # that of an object with slots has two dictionaries
        found = (each.get("_local_tensor") for each in held if isinstance(each, Pairs))
        local = next((each for each in found if each is not None), None)
        if not isinstance(kind, Global) or kind.name != "DTensor" or not isinstance(made_of, tuple) or local is None:
            return
        piece, whole = self.tensor(local), sizes_of(made_of[2]) if len(made_of) > 2 else ()
        if piece is not None and piece.shape != whole:
            raise UnsupportedFormatError(
                f"a tensor of {list(whole)} is here in part only, {list(piece.shape)}: other processes hold the rest "
                f"({kind.path})",
                location=self.location,
                hint="save it whole (DTensor.full_tensor), or convert the folder that all processes wrote",
            )

    def _tensor(self, name: str, args: Any) -> View | None:
        if name in _REFUSED:
            raise UnsupportedFormatError(
                f"the file holds {_REFUSED[name]} ({name}), which is not read", location=self.location
            )
        if name in ("_rebuild_parameter", "_rebuild_parameter_with_state"):
            inner = self.tensor(args[0])
            if not isinstance(inner, TensorView):
                return inner
            return replace(inner, requires_grad=args[1] is True, parameter=True)
        if name == "_rebuild_from_type_v2":
            wraps = isinstance(args[0], Global) and args[0].name == _WRAPPER
            return None if wraps else self.tensor(Call(args[0], args[2]))
        if name == "_rebuild_sparse_tensor":
            return self._sparse(args[0], args[1])
        return self._strided(name, args) if name in _TENSOR else None

    def _strided(self, name: str, args: Any) -> View:
        storage = self.storage(args[0])
        dtype = storage.dtype
        metadata = None
        requires_grad = False
        if name == "_rebuild_tensor_v3":
            dtype = DTYPES[_torch_name(args[6])]
            metadata = args[7] if len(args) > 7 else None
        elif name == "_rebuild_tensor_v2":
            metadata = args[6] if len(args) > 6 else None
        if name in ("_rebuild_tensor_v2", "_rebuild_tensor_v3"):
            requires_grad = args[4] is True
        flags = dict(metadata.pairs) if isinstance(metadata, Pairs) else {}
        logical, strides = sizes_of(args[2]), sizes_of(args[3])
        shape = logical
        if name == "_rebuild_qtensor" and dtype in PER_BYTE:
            shape, strides = self._packed(dtype, logical, strides, _natural(args[1]))
        view = TensorView(
            storage,
            dtype,
            _natural(args[1]),
            shape,
            strides,
            requires_grad,
            conj=flags.get("conj") is True,
            neg=flags.get("neg") is True,
        )
        check_view(view, self.location)
        return self._quantized(view, args[4], logical) if name == "_rebuild_qtensor" else view

    def _packed(
        self, dtype: str, shape: tuple[int, ...], strides: tuple[int, ...], offset: int
    ) -> tuple[tuple[int, ...], tuple[int, ...]]:
        """Return shape and strides of the bytes that values share: torch fills them one after the other.

        Its storage has more, a byte for what is left over of each row, which nothing is in.
        """
        if offset or (strides != _row_major(shape) and 0 not in shape):
            raise UnsupportedFormatError(
                f"a view of {dtype} values that share bytes is not read", location=self.location
            )
        return (-(-math.prod(shape) // PER_BYTE[dtype]),), (1,)

    def storage(self, node: Any) -> Storage:
        """Return the storage that a record refers to, or makes of bytes in the pickle itself."""
        if isinstance(node, Persistent):
            return self.storage_of(node.id)
        if isinstance(node, Call) and node.path == FROM_BYTES:
            return self.storage_of(node)
        if isinstance(node, Call) and node.path == "torch.storage.TypedStorage" and isinstance(node.kwargs, Pairs):
            return replace(
                self.storage(node.kwargs.get("wrap_storage")), dtype=DTYPES[_torch_name(node.kwargs.get("dtype"))]
            )
        raise ValueError("a tensor without a storage")

    def _quantized(self, values: TensorView, quantizer: Any, shape: tuple[int, ...]) -> QuantizedView:
        scheme = _torch_name(quantizer[0])
        if scheme == "per_tensor_affine":
            return QuantizedView(values, (float(quantizer[1]),), (int(quantizer[2]),), None, shape)
        if scheme not in ("per_channel_affine", "per_channel_affine_float_qparams"):
            raise UnsupportedFormatError(f"the quantisation scheme {scheme!r} is not read", location=self.location)
        scales, zeros = self.tensor(quantizer[1]), self.tensor(quantizer[2])
        if not isinstance(scales, TensorView) or not isinstance(zeros, TensorView):
            raise ValueError("scales or zero points are no tensors")
        return QuantizedView(values, scales, zeros, _natural(quantizer[3]), shape)

    def _sparse(self, layout: Any, data: Any) -> SparseView:
        name = str(layout.args[0]).removeprefix("torch.")
        if name == "sparse_coo":
            coalesced = data[3] if len(data) > 3 and isinstance(data[3], bool) else None
            parts = {"indices": self._part(data[0]), "values": self._part(data[1])}
            return SparseView(name, sizes_of(data[2]), parts, coalesced)
        if name not in ("sparse_csr", "sparse_csc", "sparse_bsr", "sparse_bsc"):
            raise UnsupportedFormatError(f"the layout {name!r} is not read", location=self.location)
        compressed, plain, values = (self._part(item) for item in data[:3])
        return SparseView(name, sizes_of(data[3]), {"compressed": compressed, "plain": plain, "values": values})

    def _part(self, node: Any) -> TensorView:
        view = self.tensor(node)
        if not isinstance(view, TensorView):
            raise ValueError("a part of a sparse tensor is no plain tensor")
        return view


def _row_major(shape: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(math.prod(shape[axis + 1 :]) for axis in range(len(shape)))


def check_view(view: TensorView, location: str) -> None:
    """Check that a tensor lies inside its storage.

    Raises:
        ValueError: Its shape, strides or dtype are none.
        CorruptFileError: It lies beyond its storage.
    """
    if not view.dtype or len(view.shape) != len(view.strides) or len(view.shape) > limits.TENSOR_RANK:
        raise ValueError("shape and strides do not fit, or the dtype is not said")
    if 0 in view.shape:
        return
    last = view.offset + sum((n - 1) * stride for n, stride in zip(view.shape, view.strides, strict=True))
    if (last + 1) * ITEM_BYTES[view.dtype] > view.storage.size:
        raise CorruptFileError(
            f"a tensor of shape {list(view.shape)} reaches beyond its storage {view.storage.key!r}",
            location=location,
            hint="the file was changed, or is hostile",
        )
    if math.prod(view.shape) * ITEM_BYTES[view.dtype] > limits.TENSOR_BYTES:
        raise CorruptFileError(f"a tensor of shape {list(view.shape)} is impossibly large", location=location)


def storage_dtype(node: Any) -> str:
    """Return the dtype of the storage class that a record names, ``""`` for an untyped one.

    Raises:
        UnsupportedFormatError: The class is not known.
    """
    if isinstance(node, Global) and node.module in ("torch", "torch.storage", "torch.cuda") and node.name in STORAGES:
        return STORAGES[node.name]
    named = node.path if isinstance(node, Global) else type(node).__name__
    raise UnsupportedFormatError(f"storages of {named} are not read", hint="please report the file")


def _torch_name(node: Any) -> str:
    """Name of a global of torch: a dtype or a quantisation scheme."""
    if isinstance(node, Global) and node.module == "torch":
        return node.name
    raise ValueError("a torch constant is expected")


def _natural(value: Any) -> int:
    if type(value) is not int or value < 0 or value >= 1 << 62:
        raise ValueError(f"{value!r} is no size")
    return value


def sizes_of(value: Any) -> tuple[int, ...]:
    """Return sizes, offsets or strides: a tuple of natural numbers, or a ``torch.Size`` of one.

    Raises:
        ValueError: It is none.
    """
    if isinstance(value, Call) and value.path == "torch.Size":
        value = value.args[0]
    if not isinstance(value, (tuple, list)):
        raise ValueError("sizes are no tuple")
    return tuple(_natural(item) for item in value)
