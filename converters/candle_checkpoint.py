"""CANDLE: a checkpoint that the CANDLE library wrote, a folder of ``model.h5`` and ``ckpt-info.json``.

Layouts since 2021: ``<ckpt_directory>/{best,last,epochs/NNN}`` (``best`` and ``last`` are links), ``save/ckpts/…``,
``save/ckpt-good``. The model file is called ``model.h5`` also where PyTorch wrote it; it is read by the converter of
its content. ``ckpt-info.json`` gives epoch, checksum and date, the settings of the run (``final_params.txt``,
``parameters.txt``, ``default_model.txt``) its hyperparameters; nothing in them is evaluated.

One checkpoint at a time: of a folder with several epochs one has to be named.

Source of the layout: https://github.com/ECP-CANDLE/candle_lib (``ckpt_utils.py``).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from candle_spec.conversion.contract import Card, Detection, Native, NativeFile, Source

INFO: Final = "ckpt-info.json"


class CandleCheckpoint:
    """The converter of CANDLE's checkpoint folders."""

    name = "candle_checkpoint"
    title = "CANDLE checkpoint folders (ckpts/best, ckpts/epochs/NNN, ckpt-good)"
    suffixes: Sequence[str] = (".d",)
    card = Card(
        family="CANDLE",
        kept="what the model's own format keeps; epoch, date, checksum of ckpt-info.json; hyperparameters of the run",
        not_kept="the links best and last; other epochs",
        restore="byte for byte, the whole folder",
    )

    def detect(self, source: Source) -> Detection | None:
        """Recognise the folder by the note that CANDLE puts beside every model."""
        infos = notes_of(source)
        if not source.path.is_dir() or not infos:
            return None
        # A run's folder is more than one checkpoint, but this converter says best what to do with it.
        itself = any(info.name == INFO for info in infos)
        return Detection(97 if itself else 89, "CANDLE checkpoint")

    def read(self, source: Source) -> Native:
        """Read the one checkpoint of the folder.

        Raises:
            InvalidInputError: The folder holds several.
            MissingPartError: The model that the note names is not there.
            CorruptFileError: The note is none.
        """
        from candle_spec.converters._candle_checkpoint_reading import read

        return read(source)


def notes_of(source: Source) -> list[NativeFile]:
    """Return the notes that CANDLE wrote beside its models."""
    return [file for file in source.files if file.name.rpartition("/")[2] == INFO]


CONVERTER = CandleCheckpoint()
