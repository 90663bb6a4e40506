"""Wrappers around a network, by what they put into the names of its tensors: known, kept, and taken off when asked.

``DistributedDataParallel`` makes ``module.fc.weight`` of ``fc.weight``, ``torch.compile`` ``_orig_mod.fc.weight``. A
checkpoint keeps the names that the file has; whoever loads the bare network asks for them without.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import cache
from typing import Any, Final

from candle_spec import resources
from candle_spec.errors import InvalidInputError

_VOCABULARY: Final = "vocabularies/checkpoint-keys.json"


@cache
def _table() -> dict[str, Any]:
    table: dict[str, Any] = resources.read_json(_VOCABULARY)["wrappers"]
    return table


def averaging(names: Iterable[str]) -> str:
    """Return the wrapper that keeps a running average, by the tensors of its own; ``""`` where names are of none.

    torch's ``AveragedModel`` has ``n_averaged`` beside ``module.``, for example.
    """
    known = set(names)
    for word, own in _table()["own"].items():
        network = known - set(own)
        if len(network) < len(known) and network and all(name.startswith(f"{word}.") for name in network):
            return str(word)
    return ""


def wrapper_of(names: Iterable[str]) -> str:
    """Return the known wrappers that all names begin with (``"module."``, ``"model._orig_mod."``), or ``""``.

    An attribute that is usual for the network of a training module, as ``model`` is, counts once. The own tensors of
    a wrapper that averages do not count.
    """
    every = list(names)
    average = averaging(every)
    rows = [name.split(".") for name in every if not average or name.startswith(f"{average}.")]
    found: list[str] = []
    known = {*_table()["wrappers"], *_table()["attributes"]}
    while rows and all(len(row) > len(found) + 1 for row in rows):
        words = {row[len(found)] for row in rows}
        if len(words) != 1 or not words <= known:
            break
        if words <= set(_table()["attributes"]):
            known = set(_table()["wrappers"])
        found += words
    return "".join(f"{word}." for word in found)


def wrappers_in(names: Sequence[str]) -> list[str]:
    """Return what wrappers put into names: what all begin with, and what stands within some (``_orig_mod.``)."""
    before = wrapper_of(names)
    within = {
        word for name in names for word in name.removeprefix(before).split(".")[:-1] if word in _table()["anywhere"]
    }
    return [*filter(None, [before]), *sorted(f"{word}." for word in within)]


def without_wrappers(state: dict[str, Any], strip: bool | str) -> dict[str, Any]:
    """Return a state dict under the names that its network has without wrappers.

    Args:
        state: Names and tensors.
        strip: ``True`` for the known wrappers that all names share, and those that stand within names and are no
            names of anybody else (``_orig_mod``); a text for this very prefix.

    Raises:
        InvalidInputError: A name has no such prefix, or two names would become one.
    """
    if not strip:
        return state
    new = _known(list(state)) if strip is True else _after(list(state), strip)
    owners: dict[str, str] = {}
    for old, name in new.items():
        if name in owners:
            raise InvalidInputError(
                f"without the wrappers, {owners[name]!r} and {old!r} are both called {name!r}",
                hint="load it as it is, and rename the tensors yourself",
            )
        owners[name] = old
    return {name: state[old] for name, old in owners.items()}


def _known(names: list[str]) -> dict[str, str]:
    before = wrapper_of(names)
    kept = [name for name in names if name.startswith(before)]  # an average's own counter is none of the network
    anywhere = _table()["anywhere"]

    def bare(name: str) -> str:
        *path, last = name.removeprefix(before).split(".")
        return ".".join([*(word for word in path if word not in anywhere), last])

    return {name: bare(name) for name in kept}


def _after(names: list[str], prefix: str) -> dict[str, str]:
    other = [name for name in names if not name.startswith(prefix) or name == prefix]
    known = wrapper_of(names)
    hint = f"strip=True takes {known!r} off" if known else "the names: " + ", ".join(map(repr, names[:3]))
    if other:
        shown = ", ".join(map(repr, other[:3])) + (", …" if len(other) > 3 else "")
        raise InvalidInputError(f"{len(other)} of {len(names)} names do not begin with {prefix!r}: {shown}", hint=hint)
    if names and not prefix.endswith(".") and all(name[len(prefix)] == "." for name in names):
        raise InvalidInputError(f"without {prefix!r} all names would begin with a dot", hint=f"strip={f'{prefix}.'!r}")
    return {name: name[len(prefix) :] for name in names}
