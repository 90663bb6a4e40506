"""Lists of features that a framework keeps beside a model: a file of their own, one feature a line, in order."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any

from candle_spec.conversion.contract import Part, SideFile

Listed = tuple[SideFile, dict[str, Any], Part]


def feature_list(names: Sequence[str], path: str) -> Listed | None:
    """Return the file, what the manifest says of it, and the certificate's line.

    Args:
        names: The features, in order.
        path: Path of the file in the checkpoint.

    Returns:
        ``None`` where the names cannot stand one a line: one holds a line break, or is no Unicode.
    """
    try:
        lines = [name.encode("utf-8") for name in names]
    except UnicodeEncodeError:
        return None
    if any(b"\n" in line or line.endswith(b"\r") for line in lines):
        return None
    joined = b"\n".join(lines)
    about = {"path": path, "count": len(lines), "digest": f"sha256:{hashlib.sha256(joined).hexdigest()}"}
    part = Part("feature names", "kept", count=len(lines), size=len(joined))
    return SideFile(path, joined + b"\n", "text/plain", "artifact"), about, part
