"""IMPROVE: the folder of a trained model, with what preprocessing, training and inference wrote around it.

A model folder holds the model (``<model_file_name><model_file_format>``, of any framework: read by the converter of its
content), ``param_log_file.txt`` (hyperparameters), ``val_scores.json`` and predictions. In a cross-study tree it is
``models/SRC/split_k``; with ``--context TREE`` the scores of its inferences (``infer/SRC-TRG/split_k``) and the
scalers, encoders and dictionaries of the preprocessing folder that ``param_log_file.txt`` names join it. Without a
context nothing outside the folder is read.

Source of the layout: https://github.com/JDACS4C-IMPROVE/IMPROVE (``improvelib``, cross-study analysis workflows).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from candle_spec.conversion.contract import Card, Detection, Native, Source

if TYPE_CHECKING:
    from candle_spec.converters import _nested

LOG: Final = "param_log_file.txt"
TEXTS: Final = frozenset({"txt", "log", "ini", "json", "csv", "yml", "yaml"})


class ImproveModel:
    """The converter of IMPROVE's model folders."""

    name = "improve_model"
    title = "IMPROVE model folders, with scores and preprocessing (models/SRC/split_k)"
    suffixes: Sequence[str] = (".d",)
    card = Card(
        family="IMPROVE",
        kept="what the model's own format keeps; hyperparameters, scores, data sets and splits; scalers and encoders",
        not_kept="preprocessed data",
        restore="byte for byte, the model's folder and the files joined from its tree",
    )

    def detect(self, source: Source) -> Detection | None:
        """Recognise the folder by the files that every IMPROVE stage writes beside its output."""
        if not source.path.is_dir():
            return None
        names = {file.name for file in source.files}
        if LOG in names or ("val_scores.json" in names and len(names) > 1):
            return Detection(96 if models_of(source) else 30, "IMPROVE model folder")
        return None

    def read(self, source: Source) -> Native:
        """Read the model and everything around it.

        Raises:
            MissingPartError: No model lies there.
            InvalidInputError: Several models lie there, and the settings name none of them.
        """
        from candle_spec.converters._improve_model_reading import read

        return read(source)


def models_of(source: Source) -> list[_nested.Inner]:
    """Return the models of the folder: not the data and artifacts beside them."""
    from candle_spec.converters import _nested

    describing = [
        file.name
        for file in source.files
        if file.name.rpartition(".")[2].lower() in TEXTS and not re.fullmatch(r"model\.(txt|json)", file.name)
    ]
    artifacts = [file.name for file in source.files if re.search(r"scaler|encoder|\.parquet\Z", file.name)]
    return _nested.candidates(source.path, source.files, skip=[*describing, *artifacts])


CONVERTER = ImproveModel()
