"""MONAI bundles: a folder of ``configs/metadata.json``, ``models/model.pt`` and what describes them.

Layout: https://docs.monai.io/en/stable/mb_specification.html. The model is ``models/model.pt``, else ``model.ts``;
where both are there, the TorchScript file stays in the native bytes. ``metadata.json`` fills the manifest: name,
version, authors, data, networks' inputs and outputs, scores, versions; configurations, documents and licenses are kept.
Nothing that a configuration names is imported, and no schema is fetched.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from candle_spec.conversion.contract import Card, Detection, Native, NativeFile, Source
from candle_spec.converters import _look as look

_METADATA: Final = ("configs/metadata.json", "configs/metadata.yaml", "configs/metadata.yml")
_OWN: Final = frozenset({"monai_version", "network_data_format", "pytorch_version"})


class MonaiBundle:
    """The converter of MONAI bundles."""

    name = "monai_bundle"
    title = "MONAI bundles (configs/metadata.json, models/model.pt)"
    suffixes: Sequence[str] = ()
    card = Card(
        family="MONAI",
        kept="weights; metadata: name, authors, inputs, outputs, classes, scores, versions; configurations, documents",
        not_kept="model.ts beside model.pt (only in the native bytes); code that configurations name",
        restore="byte for byte, the whole folder",
    )

    def detect(self, source: Source) -> Detection | None:
        """Recognise the folder by its metadata."""
        file = metadata_file(source)
        if not source.path.is_dir() or file is None:
            return None
        about = look.mapping(look.quiet(file, look.read_yaml))
        if not about.keys() & _OWN:
            return None
        return Detection(97, "MONAI bundle")

    def read(self, source: Source) -> Native:
        """Read metadata and the structure of the model.

        Raises:
            CorruptFileError: The metadata is none.
            MissingPartError: The model is not there.
        """
        from candle_spec.converters._monai_bundle_reading import read

        return read(source)


def metadata_file(source: Source) -> NativeFile | None:
    """Return the bundle's metadata, if they lie there."""
    return next((file for name in _METADATA if (file := look.file_named(source, name))), None)


CONVERTER = MonaiBundle()
