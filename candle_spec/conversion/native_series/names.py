"""What the names of numbered files say: epoch, step and metrics, as the usual templates of the frameworks write them.

``model_003.pt``, ``weights.12-0.34.h5`` (Keras), ``epoch=3-step=400.ckpt`` (Lightning), ``model-1000.index``
(TensorFlow), ``ckpt-step=1000.pt``. A number that is the same in all names (``resnet50_…``) says nothing.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from candle_spec.conversion.native_series.logs import UNNAMED

_SUFFIX: Final = re.compile(
    r"(\.(weights|index|pth|pt|tar|ckpt|h5|hdf5|keras|safetensors|bin|msgpack|npz|eqx|pkl|joblib|txt|json|model|onnx))+\Z",
    re.IGNORECASE,
)
_NUMBER: Final = re.compile(r"(?:(?<==)-)?[0-9]+(?:\.[0-9]+)?(?:[eE][+-][0-9]+)?")
_WORD: Final = re.compile(r"([A-Za-z][A-Za-z0-9_/]*?)[=_\-. ]*\Z")
_EPOCH: Final = frozenset({"epoch", "epochs", "ep", "e"})
_STEP: Final = frozenset({"step", "steps", "iter", "iters", "iteration", "iterations", "it", "global_step"})


@dataclass(frozen=True, slots=True)
class Name:
    """A file's name, taken apart: the texts around its numbers, and the numbers as written."""

    texts: tuple[str, ...]
    numbers: tuple[str, ...]

    @property
    def template(self) -> str:
        """The name with ``#`` for each number: files of one series share it."""
        return "#".join(self.texts)


@dataclass(slots=True)
class Said:
    """What one name says."""

    epoch: int | None = None
    step: int | None = None
    metrics: dict[str, float] = field(default_factory=dict)


def take_apart(name: str) -> Name:
    """Take a name apart, its ending left as it is."""
    match = _SUFFIX.search(name)
    stem, suffix = (name[: match.start()], match[0]) if match else (name, "")
    texts = _NUMBER.split(stem)
    return Name((*texts[:-1], texts[-1] + suffix), tuple(_NUMBER.findall(stem)))


def read_names(names: Sequence[Name], *, bare_is_step: bool) -> list[Said]:
    """Say what names of one template mean.

    Args:
        names: The names.
        bare_is_step: Whether an integer without a telling word counts steps, as in TensorFlow's names.
    """
    said = [Said() for _ in names]
    for column in range(len(names[0].numbers)):
        written = [name.numbers[column] for name in names]
        word = _word(names[0].texts[column])
        if len(set(written)) == 1 and len(names) > 1 and word not in _EPOCH | _STEP:
            continue
        for about, number in zip(said, written, strict=True):
            _take(about, word, number, is_whole=all(text.isdigit() for text in written), bare_is_step=bare_is_step)
    return said


def _word(text: str) -> str:
    match = _WORD.search(text)
    word = match[1].lower().strip("_") if match else ""
    last = word.rpartition("_")[2]
    return last if last in _EPOCH | _STEP and word != "global_step" else word


def _take(about: Said, word: str, number: str, *, is_whole: bool, bare_is_step: bool) -> None:
    if is_whole and word in _STEP:
        about.step = int(number)
    elif is_whole and word in _EPOCH:
        about.epoch = int(number)
    elif is_whole and about.epoch is None and about.step is None:
        if bare_is_step:
            about.step = int(number)
        else:
            about.epoch = int(number)
    elif not is_whole:
        about.metrics[word or UNNAMED] = float(number)
