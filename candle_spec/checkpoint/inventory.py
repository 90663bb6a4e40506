"""The tensors of a checkpoint as its manifest lists them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from candle_spec.errors import CandleSpecError, CorruptFileError
from candle_spec.names import from_json


@dataclass(frozen=True, slots=True)
class StoredArray:
    """Where one array stands: file and key, with the dtype, shape and digest that the manifest states."""

    file: str
    key: str
    dtype: str
    shape: tuple[int, ...]
    digest: str


@dataclass(frozen=True, slots=True)
class Tensor:
    """One name of the checkpoint.

    Attributes:
        group: Id of its group.
        name: Native name, relative to the group's root.
        dtype: Logical dtype.
        shape: Logical shape.
        digest: Digest of its bytes, or of its encoded form.
        alias_of: Group and name whose bytes this name shares.
        arrays: Stored arrays by part: one under ``""`` for a plain tensor; empty for an alias.
        encoding: Name of the encoding, ``""`` for a plain tensor.
        params: Parameters of the encoding.
        role: ``parameter``, ``buffer`` or ``""``.
        label: A readable name, or ``""``.
        attributes: What else the native checkpoint said of it.
    """

    group: str
    name: str
    dtype: str
    shape: tuple[int, ...]
    digest: str
    alias_of: tuple[str, str] | None = None
    arrays: Mapping[str, StoredArray] = field(default_factory=dict)
    encoding: str = ""
    params: Mapping[str, Any] = field(default_factory=dict)
    role: str = ""
    label: str = ""
    attributes: Mapping[str, Any] = field(default_factory=dict)

    @property
    def row(self) -> tuple[str, str, tuple[int, ...], str]:
        """The row that goes into the content digest."""
        return self.name, self.dtype, self.shape, self.digest


def parse(entries: Iterable[Any]) -> list[Tensor]:
    """Read the inventory's entries.

    Raises:
        CorruptFileError: An entry lacks a member; the schema check says so in detail (``CKP1001``).
        CandleSpecError: What gives the entries cannot read them.
    """
    try:
        return [_tensor(entry) for entry in entries]
    except CandleSpecError:
        raise
    except (KeyError, TypeError, ValueError) as error:
        raise CorruptFileError(
            f"the tensor inventory is malformed: {error!r}", hint="candle-spec validate says where", code="CKP1003"
        ) from error


def _tensor(entry: Mapping[str, Any]) -> Tensor:
    alias, name = entry.get("alias_of"), from_json(entry["name"])
    encoding = entry.get("encoding")
    if encoding is not None:
        arrays = {part: _array(stored, stored["key"]) for part, stored in encoding["parts"].items()}
    elif alias is None:
        arrays = {"": _array(entry, entry.get("key", name))}
    else:
        arrays = {}
    return Tensor(
        group=entry["group"],
        name=name,
        dtype=entry["dtype"],
        shape=tuple(entry["shape"]),
        digest=entry["digest"],
        alias_of=(str(alias[0]), from_json(alias[1])) if alias is not None else None,
        arrays=arrays,
        encoding=encoding["name"] if encoding else "",
        params=encoding.get("params", {}) if encoding else {},
        role=entry.get("role", ""),
        label=entry.get("label", ""),
        attributes=entry.get("attributes", {}),
    )


def _array(stored: Mapping[str, Any], key: str) -> StoredArray:
    return StoredArray(stored["file"], key, stored["dtype"], tuple(stored["shape"]), stored["digest"])
