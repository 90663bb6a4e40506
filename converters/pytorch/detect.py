"""A PyTorch file is known by its first bytes and, where these are those of a zip archive, by the names in it."""

from __future__ import annotations

from candle_spec.conversion.contract import Detection, Source
from candle_spec.converters._shared.source_files import first_bytes
from candle_spec.converters.pytorch import TITLES
from candle_spec.readers.signatures import TORCH_STREAM, ZIP
from candle_spec.readers.zip_archive import entry_names


def detect(source: Source) -> Detection | None:
    """Recognise a PyTorch file by its first bytes and, for a zip archive, the names in it."""
    variant = variant_of(source)
    return Detection(90 if variant not in ("export", "tar") else 40, TITLES[variant]) if variant else None


def variant_of(source: Source) -> str:
    """Return the dialect of a file, ``""`` where it is none of PyTorch's."""
    if len(source.files) != 1:
        return ""
    head = first_bytes(source.files[0].path, 512)
    if head.startswith(TORCH_STREAM):
        return "legacy-stream"
    if head[257:262] == b"ustar" and head.startswith((b"sys_info", b"./sys_info")):
        return "tar"
    return _zip_variant(source) if head.startswith(ZIP) else ""


def _zip_variant(source: Source) -> str:
    """Names decide; whether the archive is sound is seen when it is read."""
    names = entry_names(source.files[0].path)
    if names is None:
        # A cut-off archive has no directory; torch's own first entry still tells what it was.
        return "zip" if b"/data.pkl" in first_bytes(source.files[0].path, 256) else ""
    if any(name.rpartition("/")[2] == "archive_format" for name in names):
        return "export"
    roots = [name for name in names if name.rpartition("/")[2] == "data.pkl" and name.count("/") <= 1]
    if not roots:
        return ""
    return "torchscript" if roots[0].removesuffix("data.pkl") + "constants.pkl" in names else "zip"
