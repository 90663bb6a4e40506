"""JSON, and front matter with a body."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from candle_spec.canonical import pretty
from candle_spec.repositories.writers import yaml_text


def json(document: Any, _: Mapping[str, Any]) -> bytes:
    """Return JSON, two spaces deep."""
    return pretty(document)


def front_matter(document: Any, output: Mapping[str, Any]) -> bytes:
    """Return YAML between two lines ``---``, and the text below."""
    member = output.get("body", "body")
    head = {key: value for key, value in document.items() if key != member}
    body = re.sub(r"\n{3,}", "\n\n", str(document.get(member, ""))).strip()
    return f"---\n{yaml_text.dump(head)}---\n\n{body}\n".encode()
