"""A Keras checkpoint is known by the names inside its HDF5 file or zip archive; those of the files say nothing.

Files are looked into only where one of them begins as HDF5 or is an archive with ``config.json``.
"""

from __future__ import annotations

from typing import Final

from candle_spec.conversion.contract import Detection, NativeFile, Source
from candle_spec.converters.keras import CONFIG, MOST, TITLES
from candle_spec.errors import CandleSpecError, InvalidInputError
from candle_spec.readers.signatures import ZIP, hdf5_at
from candle_spec.readers.zip_archive import entry_names

_CONFIDENCE: Final = {"legacy-h5": 95, "legacy-weights": 90, "weights-h5": 80, "keras-zip": 95}


def detect(source: Source) -> Detection | None:
    """Say which dialect it is, from names inside the file; file names say nothing."""
    if not any(_may_be_one(file) for file in source.files[:MOST]):
        return None
    from candle_spec.converters.keras.files import find, is_archive, looks_like_keras

    if is_archive(source):
        return Detection(_CONFIDENCE["keras-zip"], TITLES["keras-zip"])
    try:
        found = find(source)
    except CandleSpecError as error:
        if not looks_like_keras(source):
            return None
        # Reading it says in words what is wrong.
        mistake = isinstance(error, InvalidInputError)
        return Detection(60, "Keras checkpoint") if mistake else Detection(5, "damaged or unsafe Keras or HDF5 file")
    return None if found is None else Detection(_CONFIDENCE[found.dialect], TITLES[found.dialect])


def _may_be_one(file: NativeFile) -> bool:
    with file.path.open("rb") as opened:
        if opened.read(len(ZIP)) == ZIP:
            return CONFIG in (entry_names(file.path) or ())
        return hdf5_at(opened, file.size) is not None
