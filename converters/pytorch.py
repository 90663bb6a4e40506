"""PyTorch: files of ``torch.save``, ``torch.jit.save`` and Lightning, read without torch.

Formats: zip (torch >= 1.6), legacy stream (before, or asked for), TorchScript, whole pickled modules; the layouts are
described in ``_pytorch_files``. Kept: every tensor under its native name (dotted path of keys), aliases, views,
strides and flags; the whole structure with integer keys, tuples and foreign objects in the state tree; TorchScript's
sources. Nothing that a file names is imported or called.

Not in the state tree, only in the native bytes: TorchScript's debug records. Refused: ``.pt2`` (torch.export), tar
files of torch before 0.2, tensors without bytes of their own (nested, wrapped, foreign devices).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from candle_spec.conversion.contract import Card, Detection, Native, Source
from candle_spec.converters import _look as look
from candle_spec.readers.zip_archive import entry_names

TITLES: Final = {
    "zip": "PyTorch zip archive",
    "legacy-stream": "PyTorch legacy stream",
    "torchscript": "TorchScript archive",
    "export": "PyTorch export archive (.pt2)",
    "tar": "PyTorch tar archive (before torch 0.2)",
}


class PyTorch:
    """The converter of PyTorch files."""

    name = "pytorch"
    title = "PyTorch (state dicts, checkpoints, Lightning, modules, TorchScript)"
    suffixes: Sequence[str] = (".pt", ".pth", ".ckpt", ".bin", ".pkl", ".jit")
    card = Card(
        family="PyTorch",
        kept="all tensors with names, aliases, strides and flags; the whole structure, optimizer and hyperparameters",
        not_kept="Python code of pickled modules; debug records of TorchScript. Refused: tar files of torch < 0.2",
        restore="byte for byte without torch; state dicts also rebuilt, with torch",
    )

    def detect(self, source: Source) -> Detection | None:
        """Recognise a PyTorch file by its first bytes and, for a zip archive, the names in it."""
        variant = variant_of(source)
        return Detection(90 if variant not in ("export", "tar") else 40, TITLES[variant]) if variant else None

    def read(self, source: Source) -> Native:
        """Read the structure; see :class:`candle_spec.conversion.contract.Converter`."""
        from candle_spec.converters._pytorch_reading import read

        return read(source)

    def rebuild(
        self,
        *,
        manifest: Mapping[str, Any],
        state: Any,
        read_file: Callable[[str], bytes],
        tensor: Callable[..., Any],
        target: Path,
    ) -> None:
        """Write a fresh file from weights and state tree alone."""
        from candle_spec.converters._pytorch_rebuild import rebuild

        rebuild(manifest=manifest, state=state, read_file=read_file, tensor=tensor, target=target)


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


CONVERTER = PyTorch()
