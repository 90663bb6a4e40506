"""What the checks look at: one checkpoint folder, read step by step, never trusted."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, Final

from candle_spec.checkpoint import inventory
from candle_spec.checkpoint.layout import pointer_target, walk
from candle_spec.digests import Progress, no_progress
from candle_spec.errors import CandleSpecError, CorruptFileError, MissingPathError
from candle_spec.problems import Location, Problem, Severity
from candle_spec.validation.catalogue import problem
from candle_spec.validation.checkpoint_digests import Digests
from candle_spec.weights.safetensors import Header, read_header

SAFETENSORS: Final = "application/vnd.safetensors"

BY_HEADER: Final = "files told by header and arrays"
"""Counts files without a digest of their own: what is behind their headers is judged with the tensors."""

NOT_HERE: Final = "tensors not here"
"""Counts arrays in files that are withheld or were not fetched."""


@dataclass(slots=True)
class Options:
    """How to validate.

    Attributes:
        max_level: The last level to run.
        strict_safe: Whether inert pickles of foreign code are errors.
        jobs: Threads.
        known_digests: Digests that were just computed from the very bytes in the folder, by path; and by path and
            key for arrays. They are not computed again.
        progress: Called with bytes digested.
        public_key: The key with which signatures are compared; by default only their form and subject are judged.
    """

    max_level: int = 5
    strict_safe: bool = False
    jobs: int = 2
    known_digests: dict[str | tuple[str, str], str] = field(default_factory=dict)
    progress: Progress = no_progress
    public_key: Path | None = None


class Context:
    """One checkpoint under validation."""

    def __init__(self, root: Path, options: Options) -> None:
        self.root = root
        self.options = options
        self.manifest: dict[str, Any] = {}
        self.checked: dict[str, int] = {}
        self.headers: dict[str, Header] = {}
        self.altered: set[str] = set()
        self._read: dict[str, Header] = {}
        self._side_faults: dict[str, list[Problem]] = {}
        self._plain: dict[str, bool] = {}
        self._last: tuple[str, Any] = ("", None)
        self.digests = Digests(root, options.jobs, options.known_digests, options.progress)

    @cached_property
    def found(self) -> dict[str, tuple[str, int]]:
        """Everything in the folder: path to kind and size."""
        return {entry.path: (entry.kind, entry.size) for entry in walk(self.root)}

    @cached_property
    def entries(self) -> list[dict[str, Any]]:
        """The tensor inventory as it stands in the manifest or its own file."""
        weights = self.manifest["weights"]
        if "inventory" not in weights:
            return list(weights.get("tensors", []))
        entries: list[dict[str, Any]] = []
        for path in weights["inventory"]:
            document = self.side_document(path)
            if self.side_faults(path, "tensors", document):
                raise CorruptFileError("the tensor inventory breaks its schema", location=path, code="CKP4030")
            entries += document["tensors"]
        return entries

    @cached_property
    def tensors(self) -> list[inventory.Tensor]:
        """The inventory, parsed."""
        return inventory.parse(self.entries)

    @cached_property
    def words(self) -> dict[str, Any]:
        """The manifest without inventory and file list, whose texts the schema leaves no freedom."""
        return {key: value for key, value in self.manifest.items() if key not in ("weights", "files")}

    def header(self, path: str) -> Header:
        """Return the header of a weights file, read once.

        Raises:
            CorruptFileError: It breaks a rule of the format.
        """
        if path not in self._read:
            self._read[path] = read_header(self.root / path)
        return self._read[path]

    def side_document(self, path: str) -> Any:
        """Parse a JSON file of the checkpoint.

        Raises:
            MissingPathError: It is not here: missing, withheld, behind a link, or a pointer to what was not fetched.
            CorruptFileError: It is no JSON of this format (``CKP4030``).
        """
        from candle_spec.canonical import load_file_with_note

        if self._last[0] == path:  # several rules ask, one after the other
            return self._last[1]
        if not self.readable(path):
            raise MissingPathError(f"the file {path!r} is not here", location=path)
        try:
            document, self._plain[path] = load_file_with_note(self.root / path, location=path)
        except CandleSpecError as error:
            message = f"it is no JSON of this format: {error.message}"
            raise CorruptFileError(message, location=error.location, hint=error.hint, code="CKP4030") from error
        self._last = (path, document)
        return document

    def side_faults(self, path: str, schema: str, document: Any, *, version: str | None = None) -> list[Problem]:
        """Return what its schema finds wrong with a side document, once; ``version`` of one that states none."""
        from candle_spec.manifest import check

        if path not in self._side_faults:
            plain = self._plain.get(path, False)
            found = check(document, schema=schema, version=version, file=path, plain=plain)
            self._side_faults[path] = [fault for fault in found if fault.severity is Severity.ERROR]
        return self._side_faults[path]

    def files(self, *roles: str) -> Iterable[dict[str, Any]]:
        """Yield the listed files, of some roles or of all; withheld ones only where they are here all the same."""
        for record in self.manifest["files"]:
            if ("withheld" not in record or self.present(record["path"])) and (not roles or record["role"] in roles):
                yield record

    def readable(self, path: str) -> bool:
        """Whether a path is a plain file in the folder, and not a pointer to one that was not fetched."""
        return self.present(path) and pointer_target(self.root / path) is None

    def present(self, path: str) -> bool:
        """Whether a path is a plain file in the folder."""
        return self.found.get(path, ("", 0))[0] == "file"

    def count(self, what: str, number: int = 1) -> None:
        """Note that something was looked at."""
        self.checked[what] = self.checked.get(what, 0) + number


def at(code: str, message: str, *, file: str = "", pointer: str = "", tensor: str = "", hint: str = "") -> Problem:
    """Return a finding at a place."""
    return problem(code, message, Location(file=file, pointer=pointer, tensor=tensor), hint=hint)
