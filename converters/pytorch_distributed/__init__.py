"""PyTorch distributed checkpoints (DCP): a folder of ``.metadata`` and ``*.distcp`` files of one or many processes.

``.metadata`` is a pickle, read by the inert reader: for every name the shape and dtype of its tensor, the pieces in
which the processes kept it, and where in which file each piece stands. A piece is a whole torch zip archive inside the
file; the pieces are put together again, in place where they follow each other. What is no tensor is an archive as well
and becomes part of the state tree.

Layout: ``torch/distributed/checkpoint/metadata.py`` and ``filesystem.py`` in https://github.com/pytorch/pytorch.
Refused: packed pieces (stream transforms), sharded tensors of before torch 2.0.
"""

from __future__ import annotations

from typing import Final

from candle_spec.conversion.contract import Card
from candle_spec.conversion.format_package import FormatPackage

METADATA: Final = ".metadata"
"""Name of the file that describes everything."""

CONVERTER = FormatPackage(
    __name__,
    name="pytorch_distributed",
    title="PyTorch distributed checkpoint folders (DCP)",
    suffixes=(".distcp",),
    card=Card(
        family="PyTorch",
        kept="all tensors, pieces joined; the structure with epoch, optimizer and settings",
        not_kept="which process kept which piece. Refused: packed pieces",
        restore="byte for byte without torch, the whole folder",
    ),
)
