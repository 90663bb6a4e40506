"""What the classes of a TorchScript program declare: which attributes are parameters and buffers.

Each class of a module begins with two lists in Python's syntax, ``__parameters__ = ["weight", ]`` and ``__buffers__``;
classes of torch before 1.5 lack the second.
Source: https://github.com/pytorch/pytorch/blob/main/torch/csrc/jit/serialization/python_print.cpp
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

_CLASS: Final = re.compile(r"^class (\w+)(?:\((\w*)\))?:$")
_LIST: Final = re.compile(r"^  __(parameters|buffers)__ = \[(.*)\]$")
_NAME: Final = re.compile(r'"([^"\\]*)"')
_ROLES: Final = {"parameters": "parameter", "buffers": "buffer"}


def declared(code: Mapping[str, bytes]) -> dict[str, dict[str, str]]:
    """Return the roles of declared attributes by class and attribute; only of classes that declare both lists.

    Args:
        code: The sources by their names, ``code/__torch__/….py``.
    """
    found: dict[str, dict[str, str]] = {}
    for name, source in code.items():
        module = name.removeprefix("code/").removesuffix(".py").replace("/", ".")
        lists: dict[str, dict[str, list[str]]] = {}
        current: dict[str, list[str]] = {}
        for line in source.decode("utf-8", "replace").splitlines():
            if begins := _CLASS.match(line):
                current = lists.setdefault(f"{module}.{begins[1]}", {}) if begins[2] == "Module" else {}
            elif listed := _LIST.match(line):
                current[listed[1]] = _NAME.findall(listed[2])
        for path, both in lists.items():
            if both.keys() == _ROLES.keys():
                found[path] = {name: _ROLES[which] for which, names in both.items() for name in names}
    return found
