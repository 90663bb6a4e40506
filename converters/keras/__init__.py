"""Keras: ``.keras`` archives, HDF5 files of all ages, and an architecture as JSON or YAML beside its weights.

==================  ===============================================================================================
dialect             how it is known
==================  ===============================================================================================
``legacy-h5``       a group ``model_weights``; attributes ``model_config``, ``training_config`` (``model.save`` to .h5)
``legacy-weights``  an attribute ``layer_names`` at the root (``save_weights`` until Keras 2, CANDLE)
``weights-h5``      groups ``…/vars`` (``save_weights`` of Keras 3, to ``.weights.h5``)
``keras-zip``       a zip archive of ``config.json``, ``metadata.json`` and a ``weights-h5``
==================  ===============================================================================================

File names say nothing: ``x.weights.h5`` of CANDLE is ``legacy-weights``. Nothing is deserialised, so no code that an
architecture names or holds is run; only h5py is needed.
"""

from __future__ import annotations

from typing import Final

from candle_spec.conversion.contract import Card
from candle_spec.conversion.format_package import FormatPackage

CONFIG: Final = "config.json"
"""Member of every archive of Keras."""
MOST: Final = 3
"""Files of a folder of weights, architecture and CANDLE's note: one of more is none of these."""

TITLES: Final = {
    "legacy-h5": "Keras legacy HDF5 model",
    "legacy-weights": "Keras legacy HDF5 weights",
    "weights-h5": "Keras v3 weights (HDF5)",
    "keras-zip": "Keras v3 archive",
}
"""Dialects."""

CONVERTER = FormatPackage(
    __name__,
    name="keras",
    title="Keras .keras, HDF5, and JSON or YAML with HDF5 weights",
    suffixes=(".keras", ".h5", ".hdf5", ".weights.h5"),
    card=Card(
        family="Keras",
        kept="all variables with layer names, optimizer, architecture, compile settings, assets",
        not_kept="code of custom layers. Refused: links and external storage in HDF5",
        restore="byte for byte without Keras; also rebuilt as .h5 or .keras, with h5py",
    ),
)
