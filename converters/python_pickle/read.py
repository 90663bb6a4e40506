"""A pickle or a joblib dump as a checkpoint: tensors, structure, boosters, and what an estimator says of itself.

The opcodes are read and none is run. One walk over what they describe makes the state tree and finds every array.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Final

from candle_spec.conversion.contract import Field, Group, Native, NativeFormat, Part, Source
from candle_spec.conversion.meaning import infer_name
from candle_spec.converters._shared.pickle import files
from candle_spec.converters._shared.pickle.imports import imports_of
from candle_spec.converters.python_pickle import estimators
from candle_spec.converters.python_pickle.array_reader import ArrayReader
from candle_spec.converters.python_pickle.boosters import Boosters
from candle_spec.converters.python_pickle.objects import class_of
from candle_spec.converters.python_pickle.structure import Structure, structure_of
from candle_spec.converters.python_pickle.torch_storages import TorchStorages
from candle_spec.converters.python_pickle.walk import PickleWalk
from candle_spec.errors import UnsupportedFormatError
from candle_spec.readers.inert_pickle import Global
from candle_spec.readers.torch_objects import TorchObjects
from candle_spec.weights.sources import TensorSource, total_size

_TITLES: Final = {False: "Python pickle", True: "joblib dump"}
_KINDS: Final = ("model", "artifact", "optimizer", "rng", "derived", "ema", "scheduler", "scaler", "sampler", "metric")


def read(source: Source) -> Native:
    """Read the structure; see :class:`candle_spec.conversion.contract.Converter`."""
    native = Native(NativeFormat("python_pickle", "pickle", "", "unknown"), source, weights_metadata={"format": "np"})
    try:
        file = files.read(source.files[0].path, native.resources)
        _describe_file(native, file)
        _fill(native, file.value, ArrayReader(file.path, str(source.path)), file.imports)
    except BaseException:
        native.resources.close()
        raise
    return native


def _describe_file(native: Native, file: files.PickleFile) -> None:
    """Say how the pickles stand in the file."""
    is_joblib = bool(file.embedded.arrays or any("joblib.numpy_pickle" in found.path for found in file.imports))
    title = _TITLES[is_joblib] + (f", packed by {file.packed}" if file.packed else "")
    variant = ("joblib" if is_joblib else "pickle") + (f"-{file.packed}" if file.packed else "")
    evidence = [f"pickle of protocol {file.protocol}" if file.protocol else "pickle of protocol 0 or 1"]
    if is_joblib:
        evidence.append(f"{file.embedded.arrays} arrays of joblib between the opcodes")
    native.format = replace(native.format, variant=variant, title=title, evidence=tuple(evidence))
    if file.packed:
        reason = f"packed by {file.packed}: the whole file is kept beside its tensors, unpacked they stand in no place"
        native.parts.append(Part("packed bytes", "residue", reason, size=native.source.files[0].size))
    if len(file.roots) > 1:
        reason = "several follow each other; names begin with a number"
        native.parts.append(Part("pickles", "kept", reason, len(file.roots)))
    if file.end < file.size:
        reason = "follows the pickle and is none; kept only in the native bytes"
        native.parts.append(Part("rest of the file", "residue", reason, size=file.size - file.end))


def _fill(native: Native, root: Any, arrays: ArrayReader, imports: tuple[Global, ...]) -> None:
    """Fill the checkpoint with what the file describes.

    Raises:
        UnsupportedFormatError: It holds no arrays.
        CorruptFileError: An array is malformed.
    """
    location = str(native.source.path)
    structure = structure_of(root, arrays)
    torch = TorchStorages(arrays, native.resources, location)
    boosters = Boosters(arrays, structure.boosters > 1, location)
    walk = PickleWalk(arrays, TorchObjects(torch.storage_of, location), structure.group_of, boosters)
    native.state = walk.tree(root)
    if not walk.tensors and not boosters.found:
        raise _nothing_in(root, location)
    native.tensors = list(walk.tensors)
    native.groups = _groups(structure, native.tensors)
    native.fields = [infer_name(native.source, structure.names), *structure.fields]
    native.parts += structure.parts
    _describe_model(native, structure, boosters, arrays)
    native.pickles = [imports_of(native.source.files[0].name, "", (*imports, *torch.imports))]
    _add_boosters(native, boosters)
    native.parts = [*_group_parts(native), *native.parts]


def _nothing_in(root: Any, location: str) -> UnsupportedFormatError:
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
        used - known, key=lambda name: (_KINDS.index(_kind_of(name)) if _kind_of(name) in _KINDS else 99, name)
    )
    return groups + [Group(name, _kind_of(name)) for name in rest]


def _kind_of(group: str) -> str:
    return group.partition(".")[0]


def _describe_model(native: Native, structure: Structure, boosters: Boosters, arrays: ArrayReader) -> None:
    """Add what the model says of itself, and who wrote it."""
    evidence, version, title = list(native.format.evidence), "", structure.title
    if structure.model is not None:
        about = estimators.about(structure.model, arrays, structure.versions)
        taken = {field.pointer for field in native.fields}
        native.fields += [field for field in about.fields if field.pointer not in taken]
        native.parts += about.parts
        native.side_files += about.side_files
        evidence += about.evidence
        version, title = about.version if structure.framework == "scikit-learn" else "", about.title or title
    for booster in boosters.found:
        evidence += [line for line in booster.evidence if line not in evidence]
        version = version or (booster.version if structure.framework == booster.framework else "")
    if not version and structure.framework == "scikit-learn" and structure.versions:
        version = structure.versions[0]
    _add_packages(native, structure, boosters)
    native.format = replace(
        native.format,
        title=f"{native.format.title}: {title}"[:300] if title.isprintable() and title else native.format.title,
        framework=structure.framework,
        framework_version=version if version.isprintable() and len(version) < 100 else "",
        evidence=tuple(line for line in evidence if line.isprintable()),
    )


def _add_packages(native: Native, structure: Structure, boosters: Boosters) -> None:
    packages = {"scikit-learn": structure.versions[0]} if structure.versions else {}
    packages |= {booster.framework: booster.version for booster in boosters.found if booster.version}
    packages = {name: value[:200] for name, value in packages.items() if value.isprintable() and value}
    if packages:
        native.fields.append(Field("/environment/packages", packages, "file", "versions stated by the objects"))


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
