"""MLflow models: a folder of ``MLmodel``, environments, an input example, and the model of one flavor or several.

Layout: https://mlflow.org/docs/latest/ml/model/. ``MLmodel`` is YAML; the flavors are views of one model, and that of a
framework says where its file lies; that file is read by its own converter. Signature, run, versions and requirements
fill the manifest; environments, examples and code are kept. A model that is only a pickled Python function cannot be
read, and nothing that ``loader_module`` or ``code`` name is imported.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from candle_spec.conversion.contract import Card, Detection, Native, Source
from candle_spec.converters import _look as look

MLMODEL: Final = "MLmodel"


class MlflowModel:
    """The converter of MLflow models."""

    name = "mlflow_model"
    title = "MLflow models (MLmodel, with the model of a framework)"
    suffixes: Sequence[str] = ()
    card = Card(
        family="MLflow",
        kept="the framework's model; signature, run, versions, requirements, input example, code as files",
        not_kept="a second flavor's files (only in the native bytes). Refused: models that are only a pickled function",
        restore="byte for byte, the whole folder",
    )

    def detect(self, source: Source) -> Detection | None:
        """Recognise the folder by its ``MLmodel``."""
        file = look.file_named(source, MLMODEL)
        if not source.path.is_dir() or file is None:
            return None
        about = look.mapping(look.quiet(file, look.read_yaml))
        return Detection(98, "MLflow model") if isinstance(about.get("flavors"), dict) else None

    def read(self, source: Source) -> Native:
        """Read the description and the model of its framework.

        Raises:
            CorruptFileError: ``MLmodel`` is none.
            MissingPartError: The model is not there.
            UnsupportedFormatError: No flavor is one of a framework.
        """
        from candle_spec.converters._mlflow_model_reading import read

        return read(source)


CONVERTER = MlflowModel()
