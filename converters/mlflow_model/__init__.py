"""MLflow models: a folder of ``MLmodel``, environments, an input example, and the model of one flavor or several.

Layout: https://mlflow.org/docs/latest/ml/model/. ``MLmodel`` is YAML; the flavors are views of one model, and that of a
framework says where its file lies; that file is read by its own converter. Signature, run, versions and requirements
fill the manifest; environments, examples and code are kept. A model that is only a pickled Python function cannot be
read, and nothing that ``loader_module`` or ``code`` name is imported.
"""

from __future__ import annotations

from typing import Final

from candle_spec.conversion.contract import Card
from candle_spec.conversion.format_package import FormatPackage

MLMODEL: Final = "MLmodel"
"""Name of the file that describes the model."""

CONVERTER = FormatPackage(
    __name__,
    name="mlflow_model",
    title="MLflow models (MLmodel, with the model of a framework)",
    suffixes=(),
    card=Card(
        family="MLflow",
        kept="the framework's model; signature, run, versions, requirements, input example, code as files",
        not_kept="a second flavor's files (only in the native bytes). Refused: models that are only a pickled function",
        restore="byte for byte, the whole folder",
    ),
)
