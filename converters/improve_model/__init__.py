"""IMPROVE: the folder of a trained model, with what preprocessing, training and inference wrote around it.

A model folder holds the model (``<model_file_name><model_file_format>``, of any framework: read by the converter of its
content), ``param_log_file.txt`` (hyperparameters), ``val_scores.json`` and predictions. In a cross-study tree it is
``models/SRC/split_k``; with ``--context TREE`` the scores of its inferences (``infer/SRC-TRG/split_k``) and the
scalers, encoders and dictionaries of the preprocessing folder that ``param_log_file.txt`` names join it. Without a
context nothing outside the folder is read.

Source of the layout: https://github.com/JDACS4C-IMPROVE/IMPROVE (``improvelib``, cross-study analysis workflows).
"""

from __future__ import annotations

from typing import Final

from candle_spec.conversion.contract import Card
from candle_spec.conversion.format_package import FormatPackage

LOG: Final = "param_log_file.txt"
TEXTS: Final = frozenset({"txt", "log", "ini", "json", "csv", "yml", "yaml"})
"""Endings of the files that describe a run."""

CONVERTER = FormatPackage(
    __name__,
    name="improve_model",
    title="IMPROVE model folders, with scores and preprocessing (models/SRC/split_k)",
    suffixes=(".d",),
    card=Card(
        family="IMPROVE",
        kept="what the model's own format keeps; hyperparameters, scores, data sets and splits; scalers and encoders",
        not_kept="preprocessed data",
        restore="byte for byte, the model's folder and the files joined from its tree",
    ),
)
