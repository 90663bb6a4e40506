"""CANDLE: a checkpoint that the CANDLE library wrote, a folder of ``model.h5`` and ``ckpt-info.json``.

Layouts since 2021: ``<ckpt_directory>/{best,last,epochs/NNN}`` (``best`` and ``last`` are links), ``save/ckpts/…``,
``save/ckpt-good``. The model file is called ``model.h5`` also where PyTorch wrote it; it is read by the converter of
its content. ``ckpt-info.json`` gives epoch, checksum and date, the settings of the run (``final_params.txt``,
``parameters.txt``, ``default_model.txt``) its hyperparameters; nothing in them is evaluated.

One checkpoint at a time: of a folder with several epochs one has to be named.

Source of the layout: https://github.com/ECP-CANDLE/candle_lib (``ckpt_utils.py``).
"""

from __future__ import annotations

from typing import Final

from candle_spec.conversion.contract import Card
from candle_spec.conversion.format_package import FormatPackage

INFO: Final = "ckpt-info.json"
"""Name of the note beside every model."""

CONVERTER = FormatPackage(
    __name__,
    name="candle_checkpoint",
    title="CANDLE checkpoint folders (ckpts/best, ckpts/epochs/NNN, ckpt-good)",
    suffixes=(".d",),
    card=Card(
        family="CANDLE",
        kept="what the model's own format keeps; epoch, date, checksum of ckpt-info.json; hyperparameters of the run",
        not_kept="the links best and last; other epochs",
        restore="byte for byte, the whole folder",
    ),
)
