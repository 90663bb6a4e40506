"""PyTorch: files of ``torch.save``, ``torch.jit.save`` and Lightning, read without torch.

Formats: zip (torch >= 1.6), legacy stream (before, or asked for), TorchScript, whole pickled modules; the layouts are
described in :mod:`candle_spec.converters._shared.torch.files`. Kept: every tensor under its native name (dotted path of
keys), aliases, views, strides and flags; the whole structure with integer keys, tuples and foreign objects in the state
tree; TorchScript's sources. Nothing that a file names is imported or called.

Tensors that consist of others (subclasses that wrap some, distributed and nested ones, those of foreign devices) are
inert records in the state tree; the tensors in them are named by the attributes that hold them. Of a distributed tensor
a file holds what one process had: where that is not the whole, it is said.

Not in the state tree, only in the native bytes: TorchScript's debug records. Refused: ``.pt2`` (torch.export), tar
files of torch before 0.2.
"""

from __future__ import annotations

from typing import Final

from candle_spec.conversion.contract import Card
from candle_spec.conversion.format_package import FormatPackage

TITLES: Final = {
    "zip": "PyTorch zip archive",
    "legacy-stream": "PyTorch legacy stream",
    "torchscript": "TorchScript archive",
    "export": "PyTorch export archive (.pt2)",
    "tar": "PyTorch tar archive (before torch 0.2)",
}
"""Dialects, with those that are recognised only to say what they are."""

CONVERTER = FormatPackage(
    __name__,
    name="pytorch",
    title="PyTorch (state dicts, checkpoints, Lightning, modules, TorchScript)",
    suffixes=(".pt", ".pth", ".ckpt", ".bin", ".pkl", ".jit"),
    card=Card(
        family="PyTorch",
        kept="all tensors with names, aliases, strides and flags; the whole structure, optimizer and hyperparameters",
        not_kept="Python code of pickled modules; debug records of TorchScript. Refused: tar files of torch < 0.2",
        restore="byte for byte without torch; state dicts also rebuilt, with torch",
    ),
)
