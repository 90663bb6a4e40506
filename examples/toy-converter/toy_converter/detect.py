"""How a TOYNET1 file is recognised: by its first bytes, whatever it is called."""

from __future__ import annotations

from candle_spec.conversion.contract import Detection, Source

MAGIC = b"TOYNET1\n"


def detect(source: Source) -> Detection | None:
    """Look at the first bytes; what is foreign gives ``None``, never an error."""
    if source.path.is_dir():
        return None
    with source.files[0].path.open("rb") as file:
        return Detection(90, "ToyNet weights") if file.read(len(MAGIC)) == MAGIC else None
