"""From what a pickle or a skops archive describes to a native checkpoint: tensors, structure, boosters, meaning."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from candle_spec.conversion.contract import Field, Group, Native, NativeFormat, Part, Source
from candle_spec.conversion.meaning import infer_name
from candle_spec.converters._shared.pickle.array_nodes import ArrayReader
from candle_spec.converters._shared.pickle.imports import inert_pickle
from candle_spec.converters._shared.pickle.nodes import class_of
from candle_spec.converters.python_pickle import sklearn as _sklearn_meaning
from candle_spec.converters.python_pickle.boosters import Boosters
from candle_spec.converters.python_pickle.meaning import Structure, structure_of
from candle_spec.converters.python_pickle.torch import InnerTorch
from candle_spec.converters.python_pickle.walk import PickleWalk
from candle_spec.errors import UnsupportedFormatError
from candle_spec.readers.inert_pickle import Global
from candle_spec.readers.torch_objects import TorchObjects
from candle_spec.weights.sources import TensorSource, total_size

_KINDS: Final = ("model", "artifact", "optimizer", "rng", "derived", "ema", "scheduler", "scaler", "sampler", "metric")


@dataclass(slots=True)
class Found:
    """What a file holds, read.

    Attributes:
        source: The source.
        native: The checkpoint so far: resources, parts of the container.
        root: What the file describes.
        arrays: Reads arrays out of records.
        variant: Dialect of the format.
        title: Its title.
        member: Place of the pickle in the file, in words.
        imports: What the file names.
    """

    source: Source
    native: Native
    root: Any
    arrays: ArrayReader
    imports: tuple[Global, ...]
    member: str = ""


def fill(found: Found) -> Native:
    """Fill the checkpoint with what the file describes.

    Raises:
        UnsupportedFormatError: It holds no arrays.
        CorruptFileError: An array is malformed.
    """
    native, location = found.native, str(found.source.path)
    structure = structure_of(found.root, found.arrays)
    torch = InnerTorch(found.arrays, native.resources, location)
    boosters = Boosters(found.arrays, structure.boosters > 1, location)
    walk = PickleWalk(found.arrays, TorchObjects(torch.storage_of, location), structure.group_of, boosters)
    native.state = walk.tree(found.root)
    if not walk.tensors and not boosters.found:
        raise nothing_in(found.root, location)
    native.tensors = list(walk.tensors)
    native.groups = _groups(structure, native.tensors)
    native.fields = [infer_name(found.source, structure.names), *structure.fields]
    native.parts += structure.parts
    _describe(native, structure, boosters, found)
    native.pickles = [inert_pickle(found.source.files[0].name, found.member, (*found.imports, *torch.imports))]
    _add_boosters(native, boosters)
    native.parts = [*_group_parts(native), *native.parts]
    return native


def nothing_in(root: Any, location: str) -> UnsupportedFormatError:
    """Return the refusal of a file without any array."""
    named = class_of(root) or type(root).__name__.lower()
    named = {"mapping": "dictionary", "setnode": "set", "nonetype": "None"}.get(named, named)
    return UnsupportedFormatError(
        f"the file holds no arrays, tensors or boosters, only Python values ({named})"[:300],
        location=location,
        hint="a checkpoint needs weights; convert the model, and keep this file beside it",
    )


def _groups(structure: Structure, tensors: list[TensorSource]) -> list[Group]:
    used = {tensor.group for tensor in tensors}
    groups = [group for group in structure.groups if group.id in used]
    known = {group.id for group in groups}
    rest = sorted(
        used - known, key=lambda name: (_KINDS.index(kind_of_id(name)) if kind_of_id(name) in _KINDS else 99, name)
    )
    return groups + [Group(name, kind_of_id(name)) for name in rest]


def kind_of_id(group: str) -> str:
    """Return the kind of a group from its id."""
    return group.partition(".")[0]


def _describe(native: Native, structure: Structure, boosters: Boosters, found: Found) -> None:
    """Add what the model says of itself, and who wrote it."""
    evidence, version, title = list(native.format.evidence), "", structure.title
    if structure.model is not None:
        about = _sklearn_meaning.about(structure.model, found.arrays, structure.versions)
        taken = {field.pointer for field in native.fields}
        native.fields += [field for field in about.fields if field.pointer not in taken]
        native.parts += about.parts
        native.side_files += about.side_files
        evidence += about.evidence
        version, title = about.version if structure.framework == "scikit-learn" else "", about.title or title
    packages = {"scikit-learn": structure.versions[0]} if structure.versions else {}
    for booster in boosters.found:
        evidence += [line for line in booster.evidence if line not in evidence]
        if booster.version:
            packages[booster.framework] = booster.version
            version = version or (booster.version if structure.framework == booster.framework else "")
    packages = {name: value[:200] for name, value in packages.items() if value.isprintable() and value}
    if packages:
        native.fields.append(Field("/environment/packages", packages, "file", "versions stated by the objects"))
    if not version and structure.framework == "scikit-learn" and structure.versions:
        version = structure.versions[0]
    about_format = native.format
    native.format = NativeFormat(
        about_format.id,
        about_format.variant,
        f"{about_format.title}: {title}"[:300] if title.isprintable() and title else about_format.title,
        structure.framework,
        version if version.isprintable() and len(version) < 100 else "",
        about_format.written,
        tuple(line for line in evidence if line.isprintable()),
    )


def _add_boosters(native: Native, boosters: Boosters) -> None:
    """Add the payload of every booster, and what it says of itself where the wrapper does not."""
    alone = len(boosters.found) == 1
    for booster in boosters.found:
        native.payload += [booster.payload, *booster.also]
        native.groups += [group for group in booster.groups if group not in native.groups]
        native.tensors += booster.tensors
        native.parts += [part for part in booster.parts if alone or part.what not in ("optimizer",)]
        if not alone:
            native.side_files += booster.side_files
            continue
        taken = {field.pointer for field in native.fields}
        native.fields += [field for field in booster.fields if field.pointer not in taken]
        if "/inputs" not in taken:
            native.side_files += booster.side_files


def _group_parts(native: Native) -> list[Part]:
    """One line for each group, and for what estimators do not have."""
    parts: list[Part] = []
    named = {part.what for part in native.parts}
    for group in native.groups:
        own = [tensor for tensor in native.tensors if tensor.group == group.id]
        size = total_size(own)
        what = group.kind if group.id == group.kind else group.id
        if what not in named:
            parts.append(Part(what, "kept", count=len(own), size=size))
            named.add(what)
    records = sum(
        1 for tensor in native.tensors if tensor.encoding is not None and tensor.encoding.name == "structured"
    )
    if records:
        reason = (
            "each field is an array; the records themselves, in which fields alternate, stay in the native bytes too"
        )
        parts.append(Part("records", "transformed", reason, count=records))
    if "optimizer" not in {part.what.partition(".")[0] for part in (*parts, *native.parts)}:
        parts.append(Part("optimizer", "absent", "the file holds no optimizer state"))
    if "topology" not in named:
        parts.append(Part("topology", "absent", "the code of the classes is not in the file"))
    return parts
