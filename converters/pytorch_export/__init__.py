"""PyTorch export: ``.pt2`` archives of ``torch.export.save``, JSON and raw bytes; none of their pickles is followed.

``data/weights/<model>_weights_config.json`` and ``data/constants/…`` name every tensor with dtype, sizes, strides and
the entry that holds its bytes; names that share one entry are aliases. The graph of each model is kept as the topology,
sample inputs (a pickle) only in the native bytes. A graph that holds paths of the authors' machine is warned about.

Layout: ``torch/export/pt2_archive`` in https://github.com/pytorch/pytorch. Refused: archives before torch 2.6, which
hold nothing but pickles of torch; tensors that are said to be pickles stay in the native bytes.
"""

from __future__ import annotations

from candle_spec.conversion.contract import Card
from candle_spec.conversion.format_package import FormatPackage

CONVERTER = FormatPackage(
    __name__,
    name="pytorch_export",
    title="PyTorch exported programs (.pt2)",
    suffixes=(".pt2",),
    card=Card(
        family="PyTorch",
        kept="all tensors with names, aliases, strides; the graphs",
        not_kept="sample inputs, which are a pickle (only in the native bytes). Refused: archives before torch 2.6",
        restore="byte for byte without torch",
    ),
)
