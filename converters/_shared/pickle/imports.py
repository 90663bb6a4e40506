"""Which names that a pickle would import are known to do nothing but make a value; all others would run foreign code.

To let a name pass, put it into the table (exact), or its classes into the packages whose classes keep what they are
given. Never a function of a package as a whole: functions may do anything.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

from candle_spec.conversion.contract import InertPickle
from candle_spec.readers.inert_pickle import Global
from candle_spec.readers.torch_dtypes import DTYPES

_PYTHON: Final = """
collections.OrderedDict collections.defaultdict collections.Counter collections.deque _codecs.encode
copyreg._reconstructor copy_reg._reconstructor copyreg.__newobj__ copy_reg.__newobj__ copyreg.__newobj_ex__
builtins.object builtins.set builtins.frozenset builtins.list builtins.dict builtins.tuple builtins.bytearray
builtins.complex builtins.slice builtins.range builtins.int builtins.float builtins.str builtins.bool builtins.bytes
__builtin__.object __builtin__.set __builtin__.frozenset __builtin__.list __builtin__.dict __builtin__.tuple
__builtin__.bytearray __builtin__.complex __builtin__.long __builtin__.unicode __builtin__.xrange
pathlib.PosixPath pathlib.PurePosixPath pathlib.WindowsPath pathlib._local.PosixPath pathlib._local.WindowsPath
datetime.datetime datetime.timedelta datetime.date argparse.Namespace
"""
_ARRAYS: Final = """
numpy.dtype numpy.ndarray numpy.matrix numpy.memmap numpy.core.multiarray._reconstruct
numpy._core.multiarray._reconstruct numpy.core.multiarray.scalar numpy._core.multiarray.scalar
numpy.core.numeric._frombuffer numpy._core.numeric._frombuffer numpy.ma.core._mareconstruct numpy.ma.core.MaskedArray
numpy.random._pickle.__randomstate_ctor numpy.random._pickle.__generator_ctor
numpy.random._pickle.__bit_generator_ctor numpy.random._mt19937.MT19937 numpy.random._mt19937.__pyx_unpickle_MT19937
numpy.random._pcg64.PCG64 numpy.random.bit_generator.SeedSequence
numpy.random.bit_generator.__pyx_unpickle_SeedSequence
joblib.numpy_pickle.NumpyArrayWrapper sklearn.externals.joblib.numpy_pickle.NumpyArrayWrapper
"""
_TORCH: Final = """
torch.Size torch.device torch.serialization._get_layout torch._tensor._rebuild_from_type_v2
torch.storage.TypedStorage torch.storage.UntypedStorage
"""
_DISTRIBUTED: Final = (
    f"torch.distributed.checkpoint.{name}"
    for name in """metadata.Metadata metadata.MetadataIndex metadata.StorageMeta metadata.TensorStorageMetadata
    metadata.BytesStorageMetadata metadata.ChunkStorageMetadata metadata.TensorProperties
    metadata._MEM_FORMAT_ENCODING filesystem._StorageInfo""".split()
)
"""What the description of a distributed checkpoint is made of: data classes and an enumeration."""

_HARMLESS: Final = frozenset((*_PYTHON.split(), *_ARRAYS.split(), *_TORCH.split(), *_DISTRIBUTED))
_DTYPES: Final = re.compile(
    r"numpy\.(bool_?|u?int(8|16|32|64)?|float(16|32|64|128)?|complex(64|128)?|longdouble|str_|bytes_|datetime64|void"
    r"|intc|intp|uintp|object_)|numpy\.dtypes\.\w+DType|ml_dtypes\.\w+"
)
_TORCH_FUNCTIONS: Final = re.compile(
    r"torch\._utils\._rebuild_\w+|torch\.jit\._pickle\.(build|restore)_\w+|__torch__\..+", re.ASCII
)
_TORCH_CONSTANTS: Final = frozenset(
    {"per_tensor_affine", "per_channel_affine", "per_channel_affine_float_qparams", "strided", *DTYPES}
)
_CLASSES_OF: Final = re.compile(
    r"(sklearn|scipy\.sparse|lightgbm|xgboost|pandas\.core|torch\.nn\.modules|torch\.nn\.parameter)(\.\w+)*"
)
"""Packages whose classes (named with a capital) keep what they are given."""

_CYTHON: Final = re.compile(r"__pyx_unpickle_[A-Z]\w*")


def imports_of(file: str, member: str, named: Iterable[Global]) -> InertPickle:
    """Return what a pickle would have imported, and what of it is not known to be harmless."""
    once = tuple(dict.fromkeys(named))
    return InertPickle(
        file,
        member,
        tuple(dict.fromkeys(found.path for found in once)),
        tuple(dict.fromkeys(found.path for found in once if not is_harmless(found))),
    )


def is_harmless(found: Global) -> bool:
    """Whether a name is a class or a function that is known to do nothing but make a value."""
    if "." in found.name:
        return False  # an attribute of an attribute, which may lead anywhere: torch.nn.modules.module → torch.os.system
    if found.path in _HARMLESS or _DTYPES.fullmatch(found.path) or _TORCH_FUNCTIONS.fullmatch(found.path):
        return True
    if _CLASSES_OF.fullmatch(found.module):
        # Modules that they import are in lower case; Cython's functions rebuild one class each.
        return found.name[:1].isupper() or (found.module.startswith("sklearn") and bool(_CYTHON.fullmatch(found.name)))
    # Constants and storage classes directly in torch; functions there may do anything.
    return found.module in ("torch", "torch.cuda") and (
        found.name.endswith("Storage") or found.name in _TORCH_CONSTANTS
    )
