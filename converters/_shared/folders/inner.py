"""A checkpoint inside another format, a folder or an archive: it is read by the converter of its own content.

What is around it becomes fields of the manifest, files beside the weights and lines of the certificate.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from candle_spec.conversion import registry
from candle_spec.conversion.contract import Converter, Detection, Field, Native, NativeFile, NativeFormat, Source
from candle_spec.conversion.foreign import foreign_content
from candle_spec.errors import MissingPartError


@dataclass(frozen=True, slots=True)
class Inner:
    """An inner checkpoint: its files, its converter, what was recognised."""

    source: Source
    converter: Converter
    detection: Detection

    def read(self, outer: Source) -> Native:
        """Read it as a part of the outer source; the names of its files are those there."""
        native = self.converter.read(replace(self.source, topology=self.source.topology or outer.topology))
        names = {file.path: file.name for file in outer.files}
        changed = {file.name: names.get(file.path, file.name) for file in self.source.files}
        native.pickles = [replace(each, file=changed.get(each.file, each.file)) for each in native.pickles]
        native.source = outer
        return native


def recognise(source: Source) -> Inner | None:
    """Return the inner checkpoint that a source is, if a converter knows it."""
    found = registry.recognise(source) if any(file.size for file in source.files) else None
    return Inner(source, *found) if found is not None else None


def recognise_surely(path: Path, files: Sequence[NativeFile]) -> Inner | None:
    """Return the inner checkpoint that some of many files are, if a converter is sure of it."""
    found = recognise(Source(path, tuple(files)))
    return found if found is not None and found.detection.confidence >= registry.SURE else None


def the_inner(source: Source | None, outer: Source, named: str) -> Inner:
    """Return the inner checkpoint that a description names.

    Raises:
        MissingPartError: It is not there.
        ForeignContentError: It is of no kind known here.
    """
    if source is None:
        raise MissingPartError(
            f"the description names {named!r}, which is not there",
            location=str(outer.path),
            hint="fetch the whole folder",
        )
    found = recognise(source)
    if found is None:
        raise foreign_content(source)
    return found


def contain(native: Native, outer: Source, about: NativeFormat) -> None:
    """Let an inner checkpoint be the content of the outer source, whose format ``about`` describes."""
    inner = native.format
    native.source = outer
    native.format = replace(
        about,
        framework=about.framework or inner.framework,
        framework_version=about.framework_version or inner.framework_version,
        written=about.written or inner.written,
        evidence=(*about.evidence, f"inside: {inner.title}", *inner.evidence)[:100],
    )


def override_fields(native: Native, fields: Iterable[Field]) -> None:
    """Put the fields of the description before those of the inner checkpoint: they win."""
    for field in fields:
        native.fields = [known for known in native.fields if not _clash(known.pointer, field.pointer)]
        native.fields.append(field)


def _clash(known: str, new: str) -> bool:
    return known == new or known.startswith(f"{new}/") or new.startswith(f"{known}/")


def take_over(native: Native, other: Native) -> None:
    """Let what was found in another checkpoint, besides its tensors, state and files, be found in this one."""
    native.pickles += other.pickles
    kept = {side.path for side in native.side_files}
    native.embedded_code += (code if code.path in kept else replace(code, path="") for code in other.embedded_code)
    native.problems += other.problems
    native.checks += other.checks
    native.resources.push(other.resources)
