"""How :mod:`candle_spec.converters.pytorch` is recognised."""

from __future__ import annotations

from typing import Final

from candle_spec.conversion.contract import Detection, Source
from candle_spec.converters._shared import look
from candle_spec.readers.zip_archive import entry_names

TITLES: Final = {
    "zip": "PyTorch zip archive",
    "legacy-stream": "PyTorch legacy stream",
    "torchscript": "TorchScript archive",
    "export": "PyTorch export archive (.pt2)",
    "tar": "PyTorch tar archive (before torch 0.2)",
}


def detect(source: Source) -> Detection | None:
    """Recognise a PyTorch file by its first bytes and, for a zip archive, the names in it."""
    variant = variant_of(source)
    return Detection(90 if variant not in ("export", "tar") else 40, TITLES[variant]) if variant else None


def variant_of(source: Source) -> str:
    """Return the dialect of a file, ``""`` where it is none of PyTorch's."""
    if len(source.files) != 1:
        return ""
    path = source.files[0].path
    with path.open("rb") as opened:
        head = opened.read(512)
    if head.startswith(look.TORCH_STREAM):
        return "legacy-stream"
    if head[257:262] == b"ustar" and head.startswith((b"sys_info", b"./sys_info")):
        return "tar"
    return _zip_variant(source) if head.startswith(b"PK\x03\x04") else ""


def _zip_variant(source: Source) -> str:
    """Names decide; whether the archive is sound is seen when it is read."""
    names = entry_names(source.files[0].path)
    if names is None:
        # A cut-off archive has no directory; torch's own first entry still tells what it was.
        with source.files[0].path.open("rb") as opened:
            return "zip" if b"/data.pkl" in opened.read(256) else ""
    if any(name.rpartition("/")[2] == "archive_format" for name in names):
        return "export"
    roots = [name for name in names if name.rpartition("/")[2] == "data.pkl" and name.count("/") <= 1]
    if not roots:
        return ""
    return "torchscript" if roots[0].removesuffix("data.pkl") + "constants.pkl" in names else "zip"
