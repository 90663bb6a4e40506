"""The tree of tensors that ``inspect`` shows: names split at dots and slashes, long lists folded."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from candle_spec.cli.output.words import plural, size
from candle_spec.conversion.summary import Summary, TensorLine

_FOLD = 8
"""Children shown of one branch; of more, the first and the last ones."""


@dataclass(slots=True)
class _Branch:
    children: dict[str, _Branch] = field(default_factory=dict)
    tensor: TensorLine | None = None


def tree_lines(summary: Summary, *, fold: bool = True) -> Iterator[str]:
    """Yield the tree of every group."""
    for group in summary.groups:
        root = _Branch()
        for tensor in summary.tensors:
            if tensor.group == group.id:
                _insert(root, tensor)
        at = f"  at {group.root}" if group.root else ""
        yield f"{group.id}/  {plural(group.tensors, 'tensor')}, {size(group.size)}{at}"
        yield from _lines(root, "  ", fold)


def _insert(root: _Branch, tensor: TensorLine) -> None:
    branch = root
    for part in re.split(r"[./]", tensor.name):
        branch = branch.children.setdefault(part, _Branch())
    if branch.tensor is not None:  # the same path spelled with other separators: show the whole name
        branch = root.children.setdefault(tensor.name, _Branch())
    branch.tensor = tensor


def _lines(branch: _Branch, indent: str, fold: bool) -> Iterator[str]:
    names = list(branch.children)
    hidden: set[str] = set(names[_FOLD - 2 : -2]) if fold and len(names) > _FOLD else set()
    told = False
    for name, child in branch.children.items():
        if name in hidden:
            if not told:
                yield f"{indent}… {len(hidden)} more (--all shows them)"
                told = True
            continue
        yield from _child(name, child, indent, fold)


def _child(name: str, child: _Branch, indent: str, fold: bool) -> Iterator[str]:
    while child.tensor is None and len(child.children) == 1:  # a chain of single branches is one line
        only, child = next(iter(child.children.items()))
        name = f"{name}.{only}"
    if child.tensor is not None:
        yield f"{indent}{name:<{max(4, 40 - len(indent))}} {_tensor(child.tensor)}"
    else:
        yield f"{indent}{name}"
    yield from _lines(child, indent + "  ", fold)


def _tensor(tensor: TensorLine) -> str:
    shape = "x".join(str(n) for n in tensor.shape) or "scalar"
    words = [f"{tensor.dtype:<5} {shape:<16}", f"= {tensor.alias_of}" if tensor.alias_of else size(tensor.size)]
    words += [word for word in (tensor.note, tensor.label) if word]
    return "  ".join(words).rstrip()
