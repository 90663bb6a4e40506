"""Which names that a pickle would import are known to be harmless."""

from __future__ import annotations

import re
from typing import Final

_HARMLESS: Final = frozenset(
    """collections.OrderedDict collections.defaultdict collections.Counter collections.deque _codecs.encode
    copyreg._reconstructor copy_reg._reconstructor copyreg.__newobj__ copy_reg.__newobj__ copyreg.__newobj_ex__
    builtins.object __builtin__.object builtins.set builtins.frozenset builtins.list builtins.dict builtins.tuple
    builtins.bytearray builtins.complex builtins.slice builtins.range builtins.int builtins.float builtins.str
    builtins.bool builtins.bytes __builtin__.set __builtin__.frozenset __builtin__.list __builtin__.dict
    __builtin__.bytearray __builtin__.complex __builtin__.long __builtin__.unicode __builtin__.xrange
    numpy.dtype numpy.ndarray numpy.matrix numpy.memmap numpy.core.multiarray._reconstruct
    numpy._core.multiarray._reconstruct numpy.core.multiarray.scalar numpy._core.multiarray.scalar
    numpy.core.numeric._frombuffer numpy._core.numeric._frombuffer numpy.ma.core._mareconstruct
    numpy.ma.core.MaskedArray numpy.random._pickle.__randomstate_ctor numpy.random._pickle.__generator_ctor
    numpy.random._pickle.__bit_generator_ctor numpy.random._mt19937.MT19937 numpy.random._mt19937.__pyx_unpickle_MT19937
    numpy.random._pcg64.PCG64 numpy.random.bit_generator.SeedSequence
    numpy.random.bit_generator.__pyx_unpickle_SeedSequence
    joblib.numpy_pickle.NumpyArrayWrapper sklearn.externals.joblib.numpy_pickle.NumpyArrayWrapper
    torch._utils._rebuild_tensor torch._utils._rebuild_tensor_v2 torch._utils._rebuild_tensor_v3
    torch._utils._rebuild_parameter torch.FloatStorage torch.DoubleStorage torch.HalfStorage torch.BFloat16Storage
    torch.LongStorage torch.IntStorage torch.ShortStorage torch.CharStorage torch.ByteStorage torch.BoolStorage
    torch.storage.TypedStorage torch.storage.UntypedStorage torch.device torch.Size
    pathlib.PosixPath pathlib.PurePosixPath pathlib.WindowsPath datetime.datetime datetime.timedelta datetime.date
    argparse.Namespace""".split()
)
_TYPES: Final = re.compile(
    r"numpy\.(bool_?|u?int(8|16|32|64)?|float(16|32|64|128)?|complex(64|128)?|longdouble|str_|bytes_|datetime64|void"
    r"|intc|intp|uintp|object_)|numpy\.dtypes\.\w+DType|ml_dtypes\.\w+|torch\.(float|u?int|bool|bfloat)\w*"
)
_CLASSES: Final = re.compile(
    r"(sklearn|scipy\.sparse|lightgbm|xgboost|pandas\.core)(\.\w+)*\.[A-Z]\w*|sklearn(\.\w+)*\.__pyx_unpickle_[A-Z]\w*"
)
"""Classes (named with a capital) of these packages keep what they are given; their functions may do anything."""


def unknown(imports: tuple[str, ...]) -> tuple[str, ...]:
    """Return the names that are not known to be harmless."""
    return tuple(name for name in imports if not is_harmless(name))


def is_harmless(name: str) -> bool:
    """Whether a name is known to be harmless."""
    return name in _HARMLESS or bool(_TYPES.fullmatch(name)) or bool(_CLASSES.fullmatch(name))
