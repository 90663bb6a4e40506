"""PyTorch export: ``.pt2`` archives of ``torch.export.save``, JSON and raw bytes; none of their pickles is followed.

``data/weights/<model>_weights_config.json`` and ``data/constants/…`` name every tensor with dtype, sizes, strides and
the entry that holds its bytes; names that share one entry are aliases. The graph of each model is kept as the topology,
sample inputs (a pickle) only in the native bytes. A graph that holds paths of the authors' machine is warned about.

Layout: ``torch/export/pt2_archive`` in https://github.com/pytorch/pytorch. Refused: archives before torch 2.6, which
hold nothing but pickles of torch; tensors that are said to be pickles stay in the native bytes.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from candle_spec.conversion.contract import Card, Detection, Native, Source
from candle_spec.readers.zip_archive import entry_names

_OLD: Final = ("serialized_exported_program.json", "serialized_state_dict.pt", "serialized_state_dict.json")


class PyTorchExport:
    """The converter of exported programs."""

    name = "pytorch_export"
    title = "PyTorch exported programs (.pt2)"
    suffixes: Sequence[str] = (".pt2",)
    card = Card(
        family="PyTorch",
        kept="all tensors with names, aliases, strides; the graphs",
        not_kept="sample inputs, which are a pickle (only in the native bytes). Refused: archives before torch 2.6",
        restore="byte for byte without torch",
    )

    def detect(self, source: Source) -> Detection | None:
        """Recognise the archive by its entry ``archive_format``, or the names of its first version."""
        if len(source.files) != 1 or not source.path.is_file():
            return None
        names = entry_names(source.files[0].path) or []
        short = {name.rpartition("/")[2] for name in names}
        known = "archive_format" in short or bool(short & set(_OLD))
        return Detection(92, "PyTorch exported program") if known else None

    def read(self, source: Source) -> Native:
        """Read what the archive says of its tensors.

        Raises:
            CorruptFileError: The archive is damaged, or a tensor lies beyond its entry.
            UnsupportedFormatError: It is of the first version, or a dtype or layout is not known.
        """
        from candle_spec.converters._pytorch_export_reading import read

        return read(source)


CONVERTER = PyTorchExport()
