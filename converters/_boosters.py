"""What the converters of boosted trees share: what was found in one model, features, and trees end to end.

A booster's own text or file is the model (``payload``). Its numbers are put beside it as tensors of the kind
``derived``: the trees' arrays one after the other, with the offsets at which each tree begins, so that forests are
compared and searched as networks are. No tensor is needed to use the model.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from candle_spec.conversion.contract import Field, Group, Part, SideFile
from candle_spec.weights.sources import TensorSource

if TYPE_CHECKING:
    pass

_BLOCK: Final = 1 << 22


@dataclass(slots=True)
class Booster:
    """One model of boosted trees: alone in a file, or inside a pickle.

    Attributes:
        framework: ``"lightgbm"`` or ``"xgboost"``.
        version: Version of the framework, ``""`` where the model does not say.
        payload: The model itself, verbatim. Its data are in memory: who knows where they stand in a file replaces
            them by :class:`~candle_spec.weights.sources.FileBytes`.
        groups: Group of the derived tensors.
        tensors: The derived tensors.
        fields: What the model says about itself.
        parts: Lines of the certificate.
        also: Further payload files: the model alone, where ``payload`` is it and more.
        side_files: The list of the features.
        evidence: What was looked at, one sentence each.
        problems_of: Nothing that stops a conversion, but that a user has to know, one sentence each.
    """

    framework: str
    version: str
    payload: SideFile
    groups: list[Group]
    tensors: list[TensorSource]
    fields: list[Field]
    parts: list[Part]
    also: list[SideFile] = field(default_factory=list)
    side_files: list[SideFile] = field(default_factory=list)
    evidence: list[str] = field(default_factory=list)
