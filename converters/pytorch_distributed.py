"""PyTorch distributed checkpoints (DCP): a folder of ``.metadata`` and ``*.distcp`` files of one or many processes.

``.metadata`` is a pickle, read by the inert reader: for every name the shape and dtype of its tensor, the pieces in
which the processes kept it, and where in which file each piece stands. A piece is a whole torch zip archive inside the
file; the pieces are put together again, in place where they follow each other. What is no tensor is an archive as well
and becomes part of the state tree.

Layout: ``torch/distributed/checkpoint/metadata.py`` and ``filesystem.py`` in https://github.com/pytorch/pytorch.
Refused: packed pieces (stream transforms), sharded tensors of before torch 2.0.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from candle_spec.conversion.contract import Card, Detection, Native, Source

METADATA: Final = ".metadata"


class PyTorchDistributed:
    """The converter of distributed checkpoints."""

    name = "pytorch_distributed"
    title = "PyTorch distributed checkpoint folders (DCP)"
    suffixes: Sequence[str] = (".distcp",)
    card = Card(
        family="PyTorch",
        kept="all tensors, pieces joined; the structure with epoch, optimizer and settings",
        not_kept="which process kept which piece. Refused: packed pieces",
        restore="byte for byte without torch, the whole folder",
    )

    def detect(self, source: Source) -> Detection | None:
        """Recognise the folder by its description and the files that it speaks of."""
        names = {file.name for file in source.files}
        if not source.path.is_dir() or METADATA not in names:
            return None
        known = any(name.endswith(".distcp") for name in names)
        return Detection(96, "PyTorch distributed checkpoint") if known else None

    def read(self, source: Source) -> Native:
        """Read the description and the structure of every piece.

        Raises:
            CorruptFileError: The description is none, or pieces are missing or overlap.
            MissingPartError: A file is not there.
        """
        from candle_spec.converters._pytorch_distributed_reading import read

        return read(source)


CONVERTER = PyTorchDistributed()
