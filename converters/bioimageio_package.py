"""bioimage.io packages: a folder of ``bioimageio.yaml`` (``rdf.yaml``) with weights in one format or several.

Specification: https://bioimage-io.github.io/spec-bioimage-io/ (models of 0.3, 0.4 and 0.5). A package is usually a zip
file; ``archive`` opens it. Of the weights the first of this order is read: PyTorch state dict, Keras, TorchScript,
TensorFlow, ONNX; the others stay in the native bytes. Stated SHA-256 sums are compared. Authors, license, citation,
axes of inputs and outputs, processing and evaluation fill the manifest; test tensors become samples and, where there is
one of each, a vector for verification. Code of an architecture is kept and not run; files that are only named by URL
are not fetched.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from candle_spec.conversion.contract import Card, Detection, Native, NativeFile, Source
from candle_spec.converters import _look as look

_DESCRIPTIONS: Final = ("bioimageio.yaml", "rdf.yaml", "model.yaml")


class BioimageioPackage:
    """The converter of bioimage.io packages."""

    name = "bioimageio_package"
    title = "bioimage.io model packages (bioimageio.yaml, rdf.yaml)"
    suffixes: Sequence[str] = ()
    card = Card(
        family="bioimage.io",
        kept="weights of one format; authors, license, citation, inputs, outputs; test tensors, code as files",
        not_kept="weights in further formats (only in the native bytes); files that are only named by URL",
        restore="byte for byte, the whole package",
    )

    def detect(self, source: Source) -> Detection | None:
        """Recognise the folder by its description."""
        file = description_of(source)
        if not source.path.is_dir() or file is None:
            return None
        about = look.mapping(look.quiet(file, look.read_yaml))
        return Detection(97, "bioimage.io package") if is_model(about) else None

    def read(self, source: Source) -> Native:
        """Read the description and the structure of the preferred weights.

        Raises:
            CorruptFileError: The description is none.
            MissingPartError: No weights are in the package.
            UnsupportedFormatError: Its weights are of no format that is read.
        """
        from candle_spec.converters._bioimageio_package_reading import read

        return read(source)


def description_of(source: Source) -> NativeFile | None:
    """Return the file that describes the model, if one lies there."""
    return next((file for name in _DESCRIPTIONS if (file := look.file_named(source, name))), None)


def is_model(about: Mapping[str, Any]) -> bool:
    """Whether a description is one of a model, not of an application or a dataset."""
    return (
        about.get("type", "model") == "model" and "format_version" in about and isinstance(about.get("weights"), dict)
    )


CONVERTER = BioimageioPackage()
