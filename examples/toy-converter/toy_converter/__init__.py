r"""An example converter: the native format TOYNET1, a header of lines and the weights behind it.

    TOYNET1\n
    epoch 12\n
    layer1/kernel float32 3 4\n
    layer1/bias float32 4\n
    \n
    <the arrays, little-endian, one after the other>

Declared here; recognised in ``detect``, which every command loads; read in ``read``, which only a conversion does.
Nothing else is needed: the commands, the certificate, the byte-exact restore and the batch follow.
"""

from __future__ import annotations

from candle_spec.conversion.contract import Card
from candle_spec.conversion.format_package import FormatPackage

CONVERTER = FormatPackage(
    __name__,
    name="toy",
    title="TOYNET1 files",
    suffixes=(".toy",),
    card=Card(
        family="ToyNet",
        kept="all arrays with their names; the epoch",
        not_kept="nothing",
        restore="byte for byte, without ToyNet",
    ),
)
