"""How :mod:`candle_spec.converters.improve_model` is recognised."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from candle_spec.conversion.contract import Detection, Source

if TYPE_CHECKING:
    from candle_spec.converters._shared.folders import nested as _nested

LOG: Final = "param_log_file.txt"
TEXTS: Final = frozenset({"txt", "log", "ini", "json", "csv", "yml", "yaml"})


def detect(source: Source) -> Detection | None:
    """Recognise the folder by the files that every IMPROVE stage writes beside its output."""
    if not source.path.is_dir():
        return None
    names = {file.name for file in source.files}
    if LOG in names or ("val_scores.json" in names and len(names) > 1):
        return Detection(96 if models_of(source) else 30, "IMPROVE model folder")
    return None


def models_of(source: Source) -> list[_nested.Inner]:
    """Return the models of the folder: not the data and artifacts beside them."""
    from candle_spec.converters._shared.folders import nested as _nested

    describing = [
        file.name
        for file in source.files
        if file.name.rpartition(".")[2].lower() in TEXTS and not re.fullmatch(r"model\.(txt|json)", file.name)
    ]
    artifacts = [file.name for file in source.files if re.search(r"scaler|encoder|\.parquet\Z", file.name)]
    return _nested.candidates(source.path, source.files, skip=[*describing, *artifacts])
