"""What the parts of a native checkpoint mean: recognised by a vocabulary that is data, never dropped when unknown.

To teach it a new key: one word in ``schemas/vocabularies/checkpoint-keys.json``.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from fnmatch import fnmatchcase
from functools import cache
from typing import Any, Final

from candle_spec import resources
from candle_spec.conversion.contract import Field, Source

VOCABULARY: Final = "vocabularies/checkpoint-keys.json"

TENSOR_KINDS: Final = frozenset({"model", "ema", "optimizer", "scheduler", "scaler", "rng", "sampler", "metric"})
"""Kinds that name a group of tensors; tensors under any other key are of the kind ``other``."""


@cache
def kind_of(key: str) -> str:
    """Return what a top-level key means, or ``"other"``."""
    word = key.lower()
    for row in resources.read_json(VOCABULARY)["kinds"]:
        if word in row["keys"]:
            return str(row["kind"])
    for row in resources.read_json(VOCABULARY)["kinds"]:
        if any(fnmatchcase(word, pattern) for pattern in row["keys"] if "*" in pattern):
            return str(row["kind"])
    return "other"


def group_ids(keys: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Return the group id of each top-level key that holds tensors.

    Args:
        keys: Key and kind, in the native order.
    """
    rows = list(keys)
    return {key: group for (key, _), group in zip(rows, numbered_ids(rows), strict=True)}


def numbered_ids(rows: Sequence[tuple[str, str]]) -> list[str]:
    """Return the id of each group, in order.

    A kind that occurs once is the id itself; one that occurs several times is followed by the label.

    Args:
        rows: Label and kind of each group.
    """
    counts = Counter(kind for _, kind in rows)
    ids: list[str] = []
    taken: set[str] = set()
    for label, kind in rows:
        wanted = f"{kind}.{slug(label)}" if counts[kind] > 1 else kind
        unique, number = wanted, 2
        while unique.lower() in taken:
            unique, number = f"{wanted}-{number}", number + 1
        taken.add(unique.lower())
        ids.append(unique)
    return ids


def path_ids(rows: Sequence[tuple[tuple[str, ...], str]]) -> list[str]:
    """Return the id of each group by the path of its root and its kind.

    Where a kind occurs several times, what tells a path from the others of its kind follows: ``("generator",
    "state_dict")`` beside ``("discriminator", "state_dict")`` is ``model.generator``.
    """
    paths: dict[str, list[tuple[str, ...]]] = {}
    for path, kind in rows:
        paths.setdefault(kind, []).append(path)
    before = {kind: _shared(found) for kind, found in paths.items()}
    after = {kind: _shared([path[before[kind] :][::-1] for path in found]) for kind, found in paths.items()}
    return numbered_ids([("-".join(path[before[kind] : len(path) - after[kind]]), kind) for path, kind in rows])


def _shared(paths: Sequence[tuple[str, ...]]) -> int:
    """How many keys all paths begin with; one of each is left."""
    count = 0
    while all(len(path) > count + 1 for path in paths) and len({path[count] for path in paths}) == 1:
        count += 1
    return count


def slug(key: str) -> str:
    """Return a key as a part of a group's id and of a file's name."""
    return re.sub(r"[^A-Za-z0-9_-]+", "-", key).strip("-")[:80] or "part"


def infer_name(source: Source, candidates: Iterable[tuple[Any, str]] = ()) -> Field:
    """Return the model's name: from its configuration, then its file's name, then its folders; never ``model``.

    Args:
        source: The native checkpoint.
        candidates: Values from the file that may name it, each with the place where it stands.
    """
    for value, place in candidates:
        if isinstance(value, str) and informative(value) and len(value) <= 200 and value.isprintable():
            return Field("/name", value.strip(), "inferred", place)
    stem = _stem(source.path.name)
    if informative(stem):
        return Field("/name", stem, "inferred", "file name")
    for folder in list(source.path.parents)[:4]:
        if informative(folder.name) and not re.search(r"site-packages|^python\d|^lib\d*$", folder.name):
            return Field("/name", f"{folder.name}-{stem}" if stem else folder.name, "inferred", "folder and file name")
    return Field("/name", f"unnamed {stem}".strip(), "inferred", "nothing names it")


def informative(name: str) -> bool:
    """Whether a name says which model it is."""
    word = name.strip().lower()
    patterns = resources.read_json(VOCABULARY)["uninformative_names"]
    return len(word) > 1 and not word.isdigit() and not any(fnmatchcase(word, pattern) for pattern in patterns)


_ENDINGS: Final = "|".join(
    """pt pth pkl bin ckpt jit pt2 h5 hdf5 keras weights model safetensors npz npy onnx json yaml yml txt ubj xgb lgb
    pickle joblib skops gz tflite mlmodel mlpackage msgpack eqx orbax pb index tar tgz zip""".split()
)
"""Endings of files that say nothing of the model."""


def _stem(name: str) -> str:
    """A file's name without its endings, as many as are usual for checkpoints."""
    endings = rf"(\.({_ENDINGS}))+$"
    return "".join(c for c in re.sub(endings, "", name, flags=re.IGNORECASE) if c.isprintable())[:150]
