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

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from candle_spec.conversion.contract import Card, Detection, Native, NativeFile, Source
from candle_spec.converters import _look as look
from candle_spec.errors import CandleSpecError, InvalidInputError
from candle_spec.readers.signatures import hdf5_at
from candle_spec.readers.zip_archive import entry_names

TITLES: Final = {
    "legacy-h5": "Keras legacy HDF5 model",
    "legacy-weights": "Keras legacy HDF5 weights",
    "weights-h5": "Keras v3 weights (HDF5)",
    "keras-zip": "Keras v3 archive",
}
CONFIG: Final = "config.json"
"""Member of every archive of Keras."""
MOST: Final = 3
"""Files of a folder of weights, architecture and CANDLE's note: one of more is none of these."""
_CONFIDENCE: Final = {"legacy-h5": 95, "legacy-weights": 90, "weights-h5": 80, "keras-zip": 95}


class KerasConverter:
    """Reads and rebuilds Keras checkpoints."""

    name = "keras"
    title = "Keras .keras, HDF5, and JSON or YAML with HDF5 weights"
    suffixes: Sequence[str] = (".keras", ".h5", ".hdf5", ".weights.h5")
    card = Card(
        family="Keras",
        kept="all variables with layer names, optimizer, architecture, compile settings, assets",
        not_kept="code of custom layers. Refused: links and external storage in HDF5",
        restore="byte for byte without Keras; also rebuilt as .h5 or .keras, with h5py",
    )

    def detect(self, source: Source) -> Detection | None:
        """Say which dialect it is, from names inside the file; file names say nothing."""
        if not any(_may_be_one(file) for file in source.files[:MOST]):
            return None
        from candle_spec.converters import _keras_source

        if _keras_source.is_archive(source):
            return Detection(_CONFIDENCE["keras-zip"], TITLES["keras-zip"])
        try:
            found = _keras_source.find(source)
        except CandleSpecError as error:
            if not _keras_source.looks_like_keras(source):
                return None
            # Reading it says in words what is wrong.
            mistake = isinstance(error, InvalidInputError)
            return (
                Detection(60, "Keras checkpoint") if mistake else Detection(5, "damaged or unsafe Keras or HDF5 file")
            )
        return None if found is None else Detection(_CONFIDENCE[found.dialect], TITLES[found.dialect])

    def read(self, source: Source) -> Native:
        """Read the structure; no tensor's bytes are touched.

        Raises:
            CorruptFileError: The file is damaged or contradicts itself.
            UnsafeContentError: It leads out of itself, or states sizes that it does not hold.
            UnsupportedFormatError: It is of no dialect that is read.
        """
        from candle_spec.converters._keras_reading import read

        return read(source)

    def rebuilt_name(self, manifest: Mapping[str, Any]) -> str:
        """Return the name of the file that :meth:`rebuild` makes, where several native files become one."""
        from candle_spec.converters._keras_rebuild import rebuilt_name

        return rebuilt_name(manifest)

    def rebuild(
        self,
        manifest: Mapping[str, Any],
        state: Any,
        read_file: Callable[[str], bytes],
        tensor: Callable[..., Any],
        target: Path,
    ) -> None:
        """Write a fresh native file from manifest, weights and topology alone.

        Weights that were joined with an architecture become one whole file that Keras loads by itself.
        """
        from candle_spec.converters._keras_rebuild import rebuild

        rebuild(manifest, state, read_file, tensor, target)


def _may_be_one(file: NativeFile) -> bool:
    with file.path.open("rb") as opened:
        if opened.read(len(look.ZIP)) == look.ZIP:
            return CONFIG in (entry_names(file.path) or [])
        return hdf5_at(opened, file.size) is not None


CONVERTER = KerasConverter()
