"""What a converter is: it reads one native format and says everything that was in it.

**To add a native format**: a folder ``converters/<name>/`` and a test class.

* ``__init__.py`` declares: what the format is, in the docstring, and ``CONVERTER = FormatPackage(__name__, …)``.
* ``detect.py`` has ``detect(source)``, which looks at some bytes.
* ``read.py`` has ``read(source)``, which looks at the structure and gives tensors of which no byte was touched yet.
* ``rebuild.py``, if there is one, has ``rebuild(…)``, which makes a fresh native file from the weights alone.
* ``tests/converters/<name>/test_<name>.py`` has a subclass of ``candle_spec.testing.ConverterContract``. Where
  ``natives.py`` beside it has ``FUZZED``, the fuzzer damages these files too.

Nothing else: discovery finds the folder; the commands, the certificate, the byte-exact restore and ``docs/formats.md``
(``make regen``) follow. A command that gets a path loads ``__init__`` and ``detect`` of all formats to ask who knows
it: constants that both halves need stand in ``__init__``, and ``detect`` loads a reader only for a file that begins as
one of its own. Neither half imports a framework, runs or imports what the file names, or follows a link. What several
formats need stands in ``converters/_shared``; what one needs alone, in its folder; no format knows another.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, Protocol

from candle_spec.checkpoint.contents import (
    Contents,
    EmbeddedCode,
    Field,
    Framework,
    Group,
    InertPickle,
    SideFile,
    StatePart,
)
from candle_spec.problems import Problem
from candle_spec.weights.long_lists import GROUP, without_long_lists
from candle_spec.weights.sources import TensorSource

__all__ = [
    "Card",
    "Converter",
    "Detection",
    "EmbeddedCode",
    "Field",
    "Group",
    "InertPickle",
    "Native",
    "NativeFile",
    "NativeFormat",
    "Part",
    "Rebuild",
    "SideFile",
    "Source",
]


@dataclass(frozen=True, slots=True)
class NativeFile:
    """One file of a native checkpoint: its real path, and its name in the certificate (relative, ``/``)."""

    path: Path
    name: str
    size: int


@dataclass(frozen=True, slots=True)
class Source:
    """A native checkpoint as the user named it: one file, or a folder's files, links resolved once.

    Attributes:
        path: The path that was named.
        files: Its files, sorted by name.
        topology: A separate file with the network's architecture, where the user named one.
        links: Links inside the folder by name, with what they point to; none leads out of it, none is followed.
        context: A folder around the source that the user allowed to look into for what describes it.
    """

    path: Path
    files: tuple[NativeFile, ...]
    topology: NativeFile | None = None
    links: Mapping[str, str] = field(default_factory=dict)
    context: Path | None = None


@dataclass(frozen=True, slots=True)
class Detection:
    """What a look at some bytes found.

    Attributes:
        confidence: 0 to 100; the highest wins, equal ones by the converter's name.
        title: The format in the field's words, for example ``"PyTorch zip archive"``.
    """

    confidence: int
    title: str


@dataclass(frozen=True, slots=True)
class Card:
    """What a user wants to know of a native format before converting: ``candle-spec formats`` and the docs show it.

    Attributes:
        family: Whose format it is, in the field's words.
        kept: What a checkpoint of the common format holds of it.
        not_kept: What is only in the native bytes, or refused.
        restore: What can be brought back, and what that needs.
        extra: Extra of this package that reading needs, ``""`` for none.
    """

    family: str
    kept: str
    not_kept: str
    restore: str
    extra: str = ""


@dataclass(frozen=True, slots=True)
class NativeFormat:
    """What wrote the native checkpoint.

    Attributes:
        id: The converter's name.
        variant: Which dialect, for example ``"legacy-stream"``.
        title: In the field's words.
        framework: Lower-case name of the framework (``"pytorch"``, ``"keras"``), or ``"unknown"``.
        framework_version: Its version, where the file says.
        written: When, ISO 8601, where the file says.
        evidence: What was looked at to know, one sentence each.
    """

    id: str
    variant: str
    title: str
    framework: str
    framework_version: str = ""
    written: str = ""
    evidence: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Part:
    """One line of the certificate: what became of one part of the native checkpoint.

    Attributes:
        what: Name of the part (``"model"``, ``"optimizer"``, ``"topology"``, ``"metadata"``, …).
        status: ``kept``, ``transformed``, ``dropped``, ``residue`` (only in the native bytes) or ``absent``.
        reason: Why, where it is not ``kept``.
        count: Number of tensors or values.
        size: Bytes.
    """

    what: str
    status: Literal["kept", "transformed", "dropped", "residue", "absent"]
    reason: str = ""
    count: int | None = None
    size: int | None = None


@dataclass(slots=True)
class Native:
    """Everything that a converter found; tensors are not read yet."""

    format: NativeFormat
    source: Source
    groups: list[Group] = field(default_factory=list)
    tensors: list[TensorSource] = field(default_factory=list)
    state: Any = None
    """The state tree: the native structure as typed JSON (:mod:`candle_spec.weights.state_tree`), or ``None``."""
    side_files: list[SideFile] = field(default_factory=list)
    payload: list[SideFile] = field(default_factory=list)
    """Native texts or files that are themselves the model (boosters); tensors derived from them: kind ``derived``."""
    fields: list[Field] = field(default_factory=list)
    parts: list[Part] = field(default_factory=list)
    pickles: list[InertPickle] = field(default_factory=list)
    embedded_code: list[EmbeddedCode] = field(default_factory=list)
    """Program code that it holds or needs: TorchScript source, Lambda bytecode, classes of its authors."""
    problems: list[Problem] = field(default_factory=list)
    checks: list[Callable[[], str]] = field(default_factory=list)
    """Checksums inside the native file, compared while its tensors are converted: each gives ``""`` or what is wrong.

    For checksums that writers may leave out or get wrong: a difference is a warning. What must hold, ``read`` checks.
    """
    weights_metadata: Mapping[str, str] = field(default_factory=dict)
    """``{"format": "pt" | "tf" | "flax" | "np"}``, as the tools of the field expect in the weights' header."""
    resources: ExitStack = field(default_factory=ExitStack)
    """What has to be let go when the tensors are no longer needed: temporary folders, memory maps."""

    def take_out_long_lists(self) -> None:
        """Keep long lists of numbers of the state as tensors of group ``state``."""
        self.state, found = without_long_lists(self.state)
        if found:
            self.groups.append(Group(GROUP, GROUP))
            self.tensors += found

    def contents(self) -> Contents:
        """Return what the new checkpoint is made of."""
        about = self.format
        return Contents(
            framework=Framework(about.framework, about.framework_version, about.evidence),
            groups=self.groups,
            tensors=self.tensors,
            state=self.state,
            state_parts={part.what: _state_part(part) for part in self.parts},
            side_files=self.side_files,
            payload=self.payload,
            fields=self.fields,
            pickles=self.pickles,
            embedded_code=self.embedded_code,
            weights_metadata=self.weights_metadata,
        )


def _state_part(part: Part) -> StatePart:
    """A line of the certificate as a part of the training state."""
    if part.status in ("kept", "transformed"):
        return StatePart("present")
    if part.status == "residue":
        return StatePart("partial", part.reason or "only in the native bytes")
    return StatePart("absent", part.reason or "the native checkpoint holds none")


class Rebuild(Protocol):
    """Makes a fresh native file from manifest and weights alone; a converter may have one as ``rebuild``."""

    def __call__(
        self,
        *,
        manifest: Mapping[str, Any],
        state: Any,
        read_file: Callable[[str], bytes],
        tensor: Callable[..., Any],
        target: Path,
    ) -> None:
        """Write ``target``.

        Args:
            manifest: The checkpoint's manifest.
            state: Its state tree.
            read_file: Gives the bytes of a file of the checkpoint.
            tensor: Gives a tensor by group and name (and ``framework``), ties as the very same object.
            target: The file to write.

        Raises:
            UnsupportedFormatError: It cannot be made without what the checkpoint does not hold.
        """
        ...


class Converter(Protocol):
    """Reads one native format. ``name`` equals the name of its folder."""

    @property
    def name(self) -> str:
        """What certificates and commands call the format."""
        ...

    @property
    def title(self) -> str:
        """The format in the field's words."""
        ...

    @property
    def suffixes(self) -> Sequence[str]:
        """Usual file name endings: for lists and messages only, never for detection."""
        ...

    @property
    def card(self) -> Card:
        """What to expect of a conversion."""
        ...

    def detect(self, source: Source) -> Detection | None:
        """Say what the source is, from its bytes, or ``None``; cheap, never raises for foreign content."""
        ...

    def read(self, source: Source) -> Native:
        """Read the structure.

        Raises:
            CorruptFileError: The file breaks its own format.
            UnsafeContentError: It could harm.
            UnsupportedFormatError: A version or a feature that cannot be read; the hint says what would help.
        """
        ...
