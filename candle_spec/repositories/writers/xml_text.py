"""XML."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any
from xml.etree.ElementTree import Element, SubElement, indent, tostring

from candle_spec.errors import InvalidInputError
from candle_spec.repositories.values import plain_text


def xml(document: Any, output: Mapping[str, Any]) -> bytes:
    """Return XML: a member is an element, one that starts with ``@`` an attribute, ``#`` the element's text.

    Raises:
        InvalidInputError: A text holds a character that XML does not have.
    """
    root = Element(output.get("root", output["id"]))
    _fill(root, document)
    indent(root)
    text: bytes = tostring(root, encoding="utf-8")
    return b'<?xml version="1.0" encoding="UTF-8"?>\n' + text + b"\n"


def _fill(element: Element, value: Any) -> None:
    if not isinstance(value, dict):
        element.text = _clean(value)
        return
    for key, inner in value.items():
        if key == "#":
            element.text = _clean(inner)
        elif key.startswith("@"):
            element.set(key[1:], _clean(inner))
        else:
            for item in inner if isinstance(inner, list) else [inner]:
                _fill(SubElement(element, key), item)


def _clean(value: Any) -> str:
    text = plain_text(value)
    if re.search(r"[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]", text):
        raise InvalidInputError("the text holds a character that XML does not have", hint="remove it")
    return text
