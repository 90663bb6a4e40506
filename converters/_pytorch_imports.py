"""What PyTorch's pickles name: which of it is torch's own and harmless, and which would run code of others."""

from __future__ import annotations

from typing import Final

from candle_spec.conversion.contract import InertPickle
from candle_spec.readers.inert_pickle import Global, Loaded

_HARMLESS: Final = frozenset(
    """collections.OrderedDict collections.defaultdict collections.Counter collections.deque _codecs.encode
    numpy.dtype numpy.ndarray numpy.core.multiarray._reconstruct numpy._core.multiarray._reconstruct
    numpy.core.multiarray.scalar numpy._core.multiarray.scalar torch.Size torch.device torch.serialization._get_layout
    torch._tensor._rebuild_from_type_v2 torch.storage.TypedStorage torch.storage.UntypedStorage argparse.Namespace
    builtins.set builtins.frozenset builtins.list builtins.dict builtins.tuple builtins.bytearray builtins.complex
    __builtin__.set __builtin__.frozenset __builtin__.list __builtin__.dict __builtin__.bytearray __builtin__.complex
    builtins.slice builtins.range builtins.int builtins.float builtins.str builtins.bool builtins.bytes
    pathlib.PosixPath pathlib.PurePosixPath pathlib.WindowsPath
    pathlib._local.PosixPath pathlib._local.WindowsPath datetime.datetime datetime.timedelta""".split()
)
_HARMLESS_FUNCTIONS: Final = (
    "torch._utils._rebuild_",
    "torch.jit._pickle.build_",
    "torch.jit._pickle.restore_",
    "__torch__.",
)
_HARMLESS_MODULES: Final = ("torch.nn.modules.", "torch.nn.parameter")

_CONSTANTS: Final = frozenset(
    {"per_tensor_affine", "per_channel_affine", "per_channel_affine_float_qparams", "strided"}
) | (
    frozenset(
        """float32 float64 float16 bfloat16 uint8 int8 int16 int32 int64 uint16 uint32 uint64 bool complex32 complex64
        complex128 float8_e4m3fn float8_e5m2 float8_e4m3fnuz float8_e5m2fnuz float8_e8m0fnu qint8 quint8 qint32
        float double half long int short""".split()
    )
)


_DISTRIBUTED: Final = "torch.distributed.checkpoint."
_DESCRIPTIONS: Final = frozenset(
    """metadata.Metadata metadata.MetadataIndex metadata.StorageMeta metadata.TensorStorageMetadata
    metadata.BytesStorageMetadata metadata.ChunkStorageMetadata metadata.TensorProperties
    metadata._MEM_FORMAT_ENCODING filesystem._StorageInfo""".split()
)
"""What the description of a distributed checkpoint is made of: data classes and an enumeration."""


def inert_pickle(file: str, member: str, loaded: Loaded) -> InertPickle:
    """Return what a pickle would have imported."""
    unknown = tuple(found.path for found in loaded.globals if not _harmless(found))
    return InertPickle(file, member, tuple(found.path for found in loaded.globals), unknown)


def _harmless(found: Global) -> bool:
    """Whether a name is a class or a function that is known to do nothing but make a value."""
    if "." in found.name or found.name.startswith("__"):
        return False  # an attribute of an attribute, which may lead anywhere: torch.nn.modules.module → torch.os.system
    if found.path in _HARMLESS or found.path.startswith(_HARMLESS_FUNCTIONS):
        return True
    if found.module.startswith(_HARMLESS_MODULES):
        return found.name[:1].isupper()  # a class; modules that they import are in lower case
    if found.path.startswith(_DISTRIBUTED):
        return found.path.removeprefix(_DISTRIBUTED) in _DESCRIPTIONS
    # Constants and storage classes directly in torch; functions there may do anything.
    return found.module in ("torch", "torch.cuda") and (found.name.endswith("Storage") or found.name in _CONSTANTS)
