"""An open checkpoint: its manifest, its tensors without a copy, its state tree."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Self

from candle_spec.canonical import load_file
from candle_spec.checkpoint import inventory, manifest_file
from candle_spec.checkpoint.file_record import digested_row
from candle_spec.checkpoint.large_values import put_back
from candle_spec.checkpoint.later_evaluations import LaterEvaluation, evaluation_files, read_evaluation
from candle_spec.checkpoint.layout import MANIFEST, resolve, written_as_yaml
from candle_spec.checkpoint.model_builder import build_model
from candle_spec.checkpoint.older import current_document, read_manifest
from candle_spec.checkpoint.tensor_loader import Library, TensorLoader
from candle_spec.checkpoint.wrappers import without_wrappers
from candle_spec.digests import digest_bytes
from candle_spec.errors import CorruptFileError, InvalidInputError, MissingPathError, ProofFailedError
from candle_spec.manifest.features import refuse_unknown
from candle_spec.problems import Severity

if TYPE_CHECKING:
    from candle_spec.manifest.models import Manifest
    from candle_spec.weights.reader import SafetensorsFile

Framework = Literal["auto", "numpy", "torch"]


class Checkpoint:
    """One checkpoint folder, opened for reading; nothing is verified but what is read (see ``validate``).

    Args:
        path: The folder, or its manifest.

    Attributes:
        path: The folder.
        document: The manifest as JSON has it, one of an older version as if it were migrated; :attr:`manifest` is the
            same as typed objects.
        as_written: The manifest as it stands in its file.

    Raises:
        MissingPathError: There is no checkpoint.
        CorruptFileError: The manifest cannot be read.
        UnknownVersionError: It is of a version that this package does not know.
    """

    def __init__(self, path: str | Path) -> None:
        root = Path(path)
        if root.name == MANIFEST and root.is_file():
            root = root.parent
        self.path = root.resolve()
        manifest_path = self.path / MANIFEST
        if not manifest_path.is_file():
            if written := written_as_yaml(Path(path)):
                raise InvalidInputError(written[0], location=str(root), hint=written[1], code="CKP0008")
            raise MissingPathError(
                f"no checkpoint here: there is no {MANIFEST}",
                location=str(root),
                hint="convert a native checkpoint first: candle-spec convert",
                code="CKP0008",
            )
        self.as_written, self.document = read_manifest(manifest_path)
        self._tensors = TensorLoader(self.file, self._find)

    def __repr__(self) -> str:
        return f"Checkpoint({str(self.path)!r})"

    def checked(self) -> Self:
        """Return this checkpoint, whose manifest is known to obey its schema (L1) from here on.

        Raises:
            CorruptFileError: It does not.
        """
        from candle_spec.manifest import check

        faults = [fault for fault in check(self.document) if fault.severity is Severity.ERROR]
        if faults:
            raise CorruptFileError(
                f"the manifest breaks its schema: {faults[0].message}",
                location=f"{self.path / MANIFEST} {faults[0].location.pointer}".rstrip(),
                hint="candle-spec validate says all that is wrong",
                code=faults[0].code,
            )
        return self

    @property
    def name(self) -> str:
        """The model's name."""
        return str(self.document["name"])

    @cached_property
    def manifest(self) -> Manifest:
        """The manifest as typed objects, made at the first use: ``checkpoint.manifest.model.framework.name``.

        A view for reading, never a check; ``document`` is the same as plain data.

        Raises:
            CorruptFileError: A value is of another type than its schema says (:meth:`checked` says it, too).
        """
        from candle_spec.manifest import view

        return view(self.document)

    @cached_property
    def tensors(self) -> list[inventory.Tensor]:
        """All tensors, in the native order."""
        weights = self.document["weights"]
        if "inventory" in weights:
            return inventory.parse(row for path in weights["inventory"] for row in self.read_json(path)["tensors"])
        return inventory.parse(weights.get("tensors", []))

    @cached_property
    def complete_document(self) -> dict[str, Any]:
        """The manifest with a digest for each file that is here: those that it leaves to header and arrays are taken.

        Whoever gives files away states them, since the services of others know nothing of headers and arrays.
        """
        rows = [digested_row(row, self.path) for row in self.document["files"]]
        if rows == self.document["files"]:
            return self.document
        return manifest_file.sealed_as(self.document, {**self.document, "files": rows})

    @property
    def groups(self) -> list[str]:
        """Ids of the groups."""
        return [group["id"] for group in self.document["weights"].get("groups", [])]

    @cached_property
    def state_tree(self) -> Any:
        """The native structure as typed JSON (see ``candle_spec.weights.state_tree``), or ``None``."""
        path = self.document.get("training_state", {}).get("state_tree")
        return self.read_json(path)["tree"] if path else None

    @cached_property
    def later_evaluations(self) -> list[LaterEvaluation]:
        """Evaluations beside the manifest, which neither its seal nor its signature covers; each has its own digest.

        Raises:
            CorruptFileError: One was changed, is about another model, or is none.
        """
        content = self.document["weights"].get("content_digest", "")
        files = evaluation_files(self.path, (row["path"] for row in self.document["files"]))
        return [read_evaluation(file, content) for file in files]

    def file(self, path: str) -> Path:
        """Return the real path of one file of the checkpoint.

        Raises:
            UnsafeContentError: The path leaves the folder or passes through a link.
            MissingPathError: There is no such file.
            UnknownVersionError: The checkpoint requires a feature that is not known: its manifest can be looked at,
                and nothing else.
        """
        refuse_unknown(self.document, str(self.path))
        return resolve(self.path, path)

    def read_file(self, path: str) -> bytes:
        """Return the bytes of one file of the checkpoint."""
        return self.file(path).read_bytes()

    def listed_file(self, path: str) -> bytes:
        """Return the bytes of one file of the checkpoint, which must be those that the manifest lists.

        Raises:
            ProofFailedError: They are others, or the file is not listed.
        """
        data = self.read_file(path)
        stated = next((row.get("digest") for row in self.document["files"] if row["path"] == path), None)
        if digest_bytes(data) != stated:
            raise ProofFailedError("the file is not the one that the manifest lists", location=path)
        return data

    def read_json(self, path: str) -> Any:
        """Return one JSON file of the checkpoint, parsed strictly; one of an older version as if it were migrated.

        Raises:
            CorruptFileError: It is no JSON of this format.
            LimitExceededError: It is too large or nested too deeply.
        """
        return current_document(load_file(self.file(path), location=path), self.path)

    def tensor(self, group: str, name: str, framework: Framework = "numpy") -> Any:
        """Return one tensor.

        Args:
            group: Id of the group.
            name: Native name.
            framework: ``"numpy"`` or ``"torch"``.

        Raises:
            InvalidInputError: There is none of that name.
        """
        return self._tensors.load(self._find(group, name), self._framework(framework))

    def state_dict(
        self, group: str = "model", framework: Framework = "auto", *, strip: bool | str = False
    ) -> dict[str, Any]:
        """Return the tensors of one group by their native names; tied names give the very same object.

        Args:
            group: Id of the group.
            framework: ``"numpy"``; ``"torch"``; or ``"auto"``: torch for a checkpoint of PyTorch where torch is
                installed, else NumPy.
            strip: What wrappers put before the network's own names: ``True`` takes off the known ones that all names
                share (``module.``, ``_orig_mod.``, ``model.``); a text is the prefix to take off.

        Returns:
            Names and arrays, on private memory maps: changing one never changes a file.

        Raises:
            InvalidInputError: There is no such group; or a name has no such prefix, or two would become one.
            MissingDependencyError: torch was asked for and is not installed.
        """
        if group not in self.groups:
            raise InvalidInputError(f"there is no group {group!r}", hint=f"groups: {', '.join(self.groups)}")
        chosen = self._framework(framework)
        made: dict[tuple[str, str], Any] = {}
        for tensor in self.tensors:
            if tensor.group == group:
                self._tensors.tied(tensor, chosen, made)
        return without_wrappers({name: value for (of, name), value in made.items() if of == group}, strip)

    def state(self, framework: Framework = "auto") -> Any:
        """Return the whole native structure as Python objects: what the native loader would give, foreign code aside.

        Objects of foreign classes stay inert dictionaries that name their class.

        Raises:
            InvalidInputError: The checkpoint holds no state tree.
        """
        from candle_spec.weights.state_tree import decode

        if self.state_tree is None:
            raise InvalidInputError("the checkpoint holds no state tree", location=str(self.path))
        chosen = self._framework(framework)
        made: dict[tuple[str, str], Any] = {}
        return decode(self.state_tree, lambda group, name: self._tensors.tied(self._find(group, name), chosen, made))

    def loader(self) -> Callable[..., Any]:
        """Return a function ``(group, name, framework="numpy")`` that gives each tensor once: ties stay ties."""
        made: dict[Library, dict[tuple[str, str], Any]] = {"numpy": {}, "torch": {}}

        def load(group: str, name: str, framework: Library = "numpy") -> Any:
            return self._tensors.tied(self._find(group, name), framework, made[framework])

        return load

    def build(self, *, trust_code: bool = False) -> Any:
        """Return the live model with its weights; runs the code that the manifest names.

        Args:
            trust_code: Must be ``True``: building imports and calls code of the model's authors.

        Raises:
            UntrustedCodeError: ``trust_code`` is not set.
            InvalidInputError: The manifest names no implementation.
        """
        return build_model(
            {**self.document, "model": put_back(self.document["model"], self.read_json)},
            self.listed_file,
            lambda: self.state_dict(framework="torch"),
            location=str(self.path),
            trust_code=trust_code,
        )

    def _framework(self, framework: Framework) -> Literal["numpy", "torch"]:
        if framework != "auto":
            return framework
        import importlib.util

        is_torch = self.document["model"]["framework"]["name"] == "pytorch"
        return "torch" if is_torch and importlib.util.find_spec("torch") else "numpy"

    @cached_property
    def _by_name(self) -> Mapping[tuple[str, str], inventory.Tensor]:
        return {(tensor.group, tensor.name): tensor for tensor in self.tensors}

    def _find(self, group: str, name: str) -> inventory.Tensor:
        try:
            return self._by_name[group, name]
        except KeyError as error:
            raise InvalidInputError(f"there is no tensor {name!r} in group {group!r}") from error

    def safetensors(self, path: str) -> SafetensorsFile:
        """Return one weights file, opened once."""
        return self._tensors.safetensors(path)
