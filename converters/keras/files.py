"""The files of a Keras checkpoint: the HDF5 file with the weights, the architecture, what lies beside them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Final

from candle_spec import limits
from candle_spec.conversion.contract import NativeFile, SideFile, Source
from candle_spec.converters._shared.documents import mapping
from candle_spec.converters._shared.keras.architecture import parse_json
from candle_spec.converters._shared.source_files import first_bytes
from candle_spec.converters.keras import CONFIG, MOST
from candle_spec.converters.keras.layout import Dialect, dialect_of
from candle_spec.converters.keras.yaml_text import parse_yaml
from candle_spec.errors import CandleSpecError, CorruptFileError, InvalidInputError, UnsupportedFormatError
from candle_spec.readers.hdf5 import FileWindow, Group, MemoryWindow, Window, foreign, is_hdf5, read_tree
from candle_spec.readers.signatures import ZIP
from candle_spec.readers.zip_archive import ZipArchive, entry_names

METADATA: Final = "metadata.json"
WEIGHTS: Final = "model.weights.h5"
CKPT_INFO: Final = "ckpt-info.json"
_TEXT: Final = 64 * limits.MIB
_ASSET: Final = 256 * limits.MIB
_LOOK: Final = 3


@dataclass(frozen=True, slots=True)
class Architecture:
    """An architecture: its bytes as they are, what they say, where they stand.

    Attributes:
        data: The bytes.
        document: The parsed document.
        origin: Where they stand, for people.
        path: Path of the copy in the checkpoint.
    """

    data: bytes
    document: Any
    origin: str
    path: str = f"topology/{CONFIG}"

    @property
    def media_type(self) -> str:
        """Media type of the bytes."""
        return "application/json" if self.path.endswith("json") else "application/yaml"


@dataclass(slots=True)
class KerasFiles:
    """The files that one Keras checkpoint consists of, and what stands in them besides the weights.

    Attributes:
        dialect: Which of the four.
        weights: The file that holds the weights.
        window: The HDF5 file in it.
        architecture: ``None`` where it has to come from the HDF5 file's attributes, or is nowhere.
        metadata: What ``metadata.json`` says.
        checkpoint_info: What CANDLE's ``ckpt-info.json`` beside the weights says.
        side_files: Files to keep beside the weights.
        archive: The archive around the HDF5 file, if any.
        unkept: Members of the archive that stay in its residue.
    """

    dialect: Dialect
    weights: NativeFile
    window: Window
    architecture: Architecture | None = None
    metadata: dict[str, Any] = field(default_factory=dict)
    checkpoint_info: dict[str, Any] = field(default_factory=dict)
    side_files: list[SideFile] = field(default_factory=list)
    unkept: list[str] = field(default_factory=list)
    archive: ZipArchive | None = None

    def check(self) -> None:
        """Compare the weights with the checksum that the archive has of them.

        Raises:
            CorruptFileError: They differ.
        """
        if self.archive is not None and isinstance(self.window, FileWindow):
            self.archive.check_crc(self.archive.entry(WEIGHTS))


def is_architecture(document: Any) -> bool:
    """Say whether a document is a Keras architecture."""
    return isinstance(mapping(document).get("class_name"), str) and isinstance(document.get("config"), (dict, list))


def looks_like_keras(source: Source) -> bool:
    """Say, cheaply, whether a source may be ours: there is an HDF5 file among its files."""
    return any(is_hdf5(_window(file)) for file in source.files[:MOST])


def find(source: Source) -> KerasFiles | None:
    """Return the parts of a checkpoint, or ``None`` where it is not Keras'.

    Raises:
        CandleSpecError: It may be Keras', and is damaged or unsafe.
    """
    if is_archive(source):
        return _archive(source.files[0], source)
    found = _folder(source) if len(source.files) > 1 else _file(source.files[0])
    if found is None or source.topology is None:
        return found
    if found.architecture is not None:
        raise InvalidInputError(
            "the folder holds an architecture already", location=str(source.path), hint="leave --topology out"
        )
    found.architecture = read_architecture(source.topology)
    return found


def _window(file: NativeFile) -> FileWindow:
    return FileWindow(file.path, 0, file.size)


def _file(file: NativeFile) -> KerasFiles | None:
    window = _window(file)
    if not is_hdf5(window) or foreign(window) is not None:
        return None
    dialect = dialect_of(read_tree(window, _LOOK))
    return None if dialect is None else KerasFiles(dialect, file, window)


def _folder(source: Source) -> KerasFiles | None:
    """A weights file, its architecture, perhaps CANDLE's note on the epoch, and nothing else."""
    if len(source.files) > MOST:
        return None
    weights = [file for file in source.files if is_hdf5(_window(file))]
    others = [file for file in source.files if file not in weights]
    if len(weights) != 1 or any(file.size > _TEXT for file in others):
        return None
    found = _file(weights[0])
    if found is None:
        return None
    for file in others:
        try:
            document = _parse(file.path.read_bytes(), file.name)
        except CandleSpecError:
            return None
        if is_architecture(document) and found.architecture is None:
            found.architecture = read_architecture(file)
        elif {"epoch", "model_file"} <= mapping(document).keys() and not found.checkpoint_info:
            found.checkpoint_info = document
            data = file.path.read_bytes()
            found.side_files.append(SideFile(f"artifacts/{CKPT_INFO}", data, "application/json", "config"))
        else:
            return None
    return found


def _parse(data: bytes, location: str) -> Any:
    json = data.lstrip()[:1] in (b"{", b"[")
    return parse_json(data, location) if json else parse_yaml(data, location)


def read_architecture(file: NativeFile) -> Architecture:
    """Read a separate architecture file.

    Raises:
        CorruptFileError: It is neither JSON nor YAML.
        UnsupportedFormatError: It is no Keras architecture.
    """
    if file.size > _TEXT:
        raise InvalidInputError(f"an architecture has no {file.size} bytes", location=str(file.path))
    data = file.path.read_bytes()
    document = _parse(data, str(file.path))
    if not is_architecture(document):
        raise UnsupportedFormatError(
            "this is not the architecture of a Keras model",
            location=str(file.path),
            hint="name the file that model.to_json() or to_yaml() gave",
        )
    json = data.lstrip()[:1] == b"{"
    return Architecture(data, document, file.name, f"topology/config.{'json' if json else 'yaml'}")


def architecture_in(root: Group, location: str) -> Architecture | None:
    """Return the architecture that a legacy file holds as the attribute ``model_config``.

    Raises:
        CorruptFileError: It is not JSON.
    """
    text = root.text("model_config")
    if not text or text == "null":
        return None
    data = text.encode("utf-8", "surrogateescape")
    document = parse_json(data, f"{location}: model_config")
    return Architecture(data, document, "attribute model_config") if is_architecture(document) else None


def is_archive(source: Source) -> bool:
    """Say whether a source is a zip archive with Keras' members.

    Only names are looked at: what is unsafe in an archive of ours is said when it is read.
    """
    if len(source.files) != 1:
        return False
    if first_bytes(source.files[0].path, len(ZIP)) != ZIP:
        return False
    names = set(entry_names(source.files[0].path) or ())
    return CONFIG in names and bool(names & {METADATA, WEIGHTS})


def _archive(file: NativeFile, source: Source) -> KerasFiles:
    """Dialect D. Raises where a member that the format asks for is not there."""
    if source.topology is not None:
        raise InvalidInputError(
            "a .keras archive holds its own architecture", location=str(source.path), hint="leave --topology out"
        )
    archive = ZipArchive(file.path)
    if WEIGHTS not in archive:
        raise UnsupportedFormatError(
            f"the archive has no {WEIGHTS}: sharded and .npz weights are not read",
            location=str(file.path),
            hint="load it in Keras and save it again as one .keras file",
        )
    found = KerasFiles("keras-zip", file, _member(archive, WEIGHTS), archive=archive)
    if not is_hdf5(found.window):
        raise CorruptFileError(f"{WEIGHTS} is not an HDF5 file", location=found.window.location)
    data = archive.read(CONFIG, _TEXT)
    document = parse_json(data, f"{file.path}: {CONFIG}")
    if not is_architecture(document):
        raise CorruptFileError(f"{CONFIG} is no Keras architecture", location=str(file.path))
    found.architecture = Architecture(data, document, CONFIG)
    if METADATA in archive:
        data = archive.read(METADATA, _TEXT)
        found.metadata = dict(mapping(parse_json(data, f"{file.path}: {METADATA}")))
        found.side_files.append(SideFile(f"topology/{METADATA}", data, "application/json", "topology"))
    _keep_assets(archive, found)
    return found


def _member(archive: ZipArchive, name: str) -> Window:
    """A stored member is read in place; a deflated one is unpacked, under a bound, and has no place in the file."""
    entry = archive.entry(name)
    if entry.stored:
        return FileWindow(archive.path, entry.offset, entry.size, name)
    return MemoryWindow(archive.read(name), f"{archive.path}: {name}")


def _keep_assets(archive: ZipArchive, found: KerasFiles) -> None:
    """Keep vocabularies and the like; what is not known or too large stays in the residue and is named."""
    for name, entry in archive.entries.items():
        if name in (CONFIG, METADATA, WEIGHTS):
            continue
        if name.startswith("assets/") and entry.size <= _ASSET:
            path = "artifacts/" + name.removeprefix("assets/")
            data = archive.read(name, _ASSET)
            found.side_files.append(SideFile(path, data, "application/octet-stream", "artifact"))
        else:
            found.unkept.append(name)
