"""What a publisher may choose at MoDaC, and what the words mean: metadata as ``ATTRIBUTE=VALUE``, paths in short."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Self

from candle_spec.canonical import loads
from candle_spec.errors import InvalidInputError
from candle_spec.publish.destination import Option

OPTIONS: Final[Sequence[Option]] = (
    Option("record", "A record that map --out wrote, instead of a mapping now.", kind="path"),
    Option("study", "Path of the study, such as PROGRAM/STUDY.", default=""),
    Option("set", "Metadata of the asset.", many=True, placeholder="ATTRIBUTE=VALUE"),
    Option("create_parents", "Create a program and a study that are missing.", kind="flag"),
    Option("reshard", "Where weights are too large for one upload, send a copy that fits.", kind="flag"),
    Option("allow_public", "Accept access_group public.", kind="flag"),
    Option("prepare", "Make all ready in a folder; send nothing.", kind="path"),
    Option("from", "Send what --prepare made.", kind="path", replaces_checkpoint=True),
    Option("config", "A TOML file with settings.", kind="path"),
    Option("user", "E-mail of the account."),
    Option("url", "Address of the service (default: https://modac.cancer.gov)."),
)


@dataclass(frozen=True, slots=True)
class Wishes:
    """The options of a publication, by name.

    Attributes:
        record: A record, instead of a mapping.
        study: Path of the study; ``""`` for the record's own.
        changes: Metadata of the asset that wins over the record's.
        create_parents: Create a program and a study that are missing.
        reshard: Send copies of what is too large for one upload.
        allow_public: Accept that the asset becomes public.
        prepare: Folder to make all ready in, instead of sending it.
        prepared: What was made ready, instead of a checkpoint.
    """

    record: Path | None
    study: str
    changes: Mapping[str, str]
    create_parents: bool
    reshard: bool
    allow_public: bool
    prepare: Path | None
    prepared: Path | None

    @classmethod
    def of(cls, values: Mapping[str, Any]) -> Self:
        """Return the options as they are given by name, each of :data:`OPTIONS`.

        Raises:
            InvalidInputError: Metadata is not ``ATTRIBUTE=VALUE``.
        """
        return cls(
            record=values["record"],
            study=values["study"],
            changes=metadata_of(values["set"]),
            create_parents=values["create_parents"],
            reshard=values["reshard"],
            allow_public=values["allow_public"],
            prepare=values["prepare"],
            prepared=values["from"],
        )


def metadata_of(entries: Sequence[str], file: Path | None = None) -> dict[str, str]:
    """Return metadata from ``ATTRIBUTE=VALUE`` words and a JSON file (an object, or a list of attribute and value).

    Raises:
        InvalidInputError: A word or the file is something else.
    """
    found = _from_file(file) if file is not None else {}
    for entry in entries:
        name, equals, value = entry.partition("=")
        if not equals or not name:
            raise InvalidInputError(f"{entry!r} is not ATTRIBUTE=VALUE", hint="such as --set domain='Drug Response'")
        found[name] = value
    return found


def _from_file(path: Path) -> dict[str, str]:
    document = loads(path.read_bytes(), location=str(path))
    if isinstance(document, Mapping):
        document = document.get("metadataEntries", [{"attribute": k, "value": v} for k, v in document.items()])
    try:
        return {str(entry["attribute"]): str(entry["value"]) for entry in document}
    except (KeyError, TypeError) as error:
        raise InvalidInputError("this is no metadata", location=str(path)) from error
