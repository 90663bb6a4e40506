"""L3: every listed file is here, is the one that was listed, and nothing else is."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from typing import Any

from candle_spec.checkpoint.layout import MANIFEST, RESERVED, later, pointer_target, tolerated
from candle_spec.digests import digest_bytes
from candle_spec.errors import CandleSpecError
from candle_spec.paths import folded, leaving, path_fault
from candle_spec.problems import Level, Problem
from candle_spec.validation.context import BY_HEADER, SAFETENSORS, Context, at


def paths(context: Context) -> Iterator[Problem]:
    """Paths stay inside, can be stored on every system, are listed once and do not collide."""
    seen: dict[str, str] = {}
    for index, record in enumerate(context.manifest["files"]):
        path, pointer = record["path"], f"/files/{index}/path"
        fault = path_fault(path)
        if fault in ("absolute", "parent"):
            yield at("CKP3005", f"the path {path!r} leaves the checkpoint", pointer=pointer)
        elif fault:
            yield at("CKP3008", f"{path!r}: {fault.removeprefix('unportable: ')}", pointer=pointer)
        if folded(path) in RESERVED:  # some systems cannot tell the cases apart
            yield at("CKP3012", f"{path!r} is reserved and must not be listed", pointer=pointer)
        other = seen.get(folded(path))
        seen.setdefault(folded(path), path)
        if other == path:
            yield at("CKP3009", f"{path!r} is listed twice", pointer=pointer)
        elif other is not None:
            message = f"{path!r} is the same as {other!r} for systems that do not tell case or normal forms apart"
            yield at("CKP3007", message, pointer=pointer)


def presence(context: Context) -> Iterator[Problem]:
    """Listed files are here, with their size; nothing unlisted is; no links, no second manifest."""
    listed = {record["path"]: record for record in context.manifest["files"]}
    for path, record in listed.items():
        yield from _one(context, path, record)
    for path, (kind, _) in context.found.items():
        if kind == "file" and "/" in path and path.rpartition("/")[2] == MANIFEST:
            yield at("CKP3013", "a second manifest lies in the folder", file=path)
        elif path in listed or (path in RESERVED and kind == "file"):
            continue
        elif kind != "file":
            yield at("CKP3006", f"{path!r} is a link or a special file", file=path)
        elif later(path):
            continue  # they have rules of their own
        elif tolerated(context.root, path):
            yield at("CKP3014", f"{path!r} is not listed; such files are tolerated", file=path)
        else:
            yield at("CKP3004", f"{path!r} is not listed in the manifest", file=path)


def _one(context: Context, path: str, record: dict[str, Any]) -> Iterator[Problem]:
    if leaving(path):
        return
    kind, size = context.found.get(path, ("", 0))
    withheld = "withheld" in record
    if kind == "link" or _behind_link(context, path):
        yield at("CKP3006", f"{path!r} is or passes through a link, which is not followed", file=path)
    elif kind == "other":
        yield at("CKP3006", f"{path!r} is a special file", file=path)
    elif withheld and kind != "file":
        context.count("withheld")
        yield at("CKP3010", f"{path!r} is withheld: {record['withheld']['reason']}", file=path)
    elif kind != "file":
        yield at("CKP3001", f"{path!r} is missing", file=path)
    elif (pointed := pointer_target(context.root / path)) is not None:
        context.count("not fetched")
        yield from _pointer(path, record, pointed)
    elif size != record["size"]:
        yield at("CKP3002", f"{path!r} has {size} bytes, the manifest says {record['size']}", file=path)


def _behind_link(context: Context, path: str) -> bool:
    parts = path.split("/")
    return any(context.found.get("/".join(parts[:depth]), ("",))[0] == "link" for depth in range(1, len(parts)))


def _pointer(path: str, record: dict[str, Any], pointed: tuple[str, int]) -> Iterator[Problem]:
    """A pointer file of Git LFS is as good as the file that it names, as far as it names it."""
    digest, size = pointed
    if size >= 0 and (record.get("digest", digest), record["size"]) != (digest, size):
        yield at(
            "CKP3003", f"the pointer {path!r} names another file than the manifest", file=path, hint="git lfs pull"
        )
    yield at("CKP3011", f"{path!r} is a pointer; the real file was not fetched", file=path)
    if "digest" not in record:
        yield at("CKP3015", f"the manifest states no digest of {path!r}: its size alone was compared", file=path)


def heads(context: Context) -> Iterator[Problem]:
    """Weights files begin with the header that the manifest states; one with another is read no further."""
    for record in context.files():
        if "header" not in record or not _comparable(context, record):
            continue
        stated, path = record["header"], record["path"]
        with (context.root / path).open("rb") as file:
            digest = digest_bytes(file.read(stated["size"]))
        if digest != stated["digest"]:
            context.altered.add(path)
            message = f"its header differs from the manifest: was {_short(stated['digest'])}, is {_short(digest)}"
            yield at("CKP3003", message, file=path)


def digests(context: Context) -> Iterator[Problem]:
    """Files have the digest that the manifest states; those without one are told by header and arrays."""
    comparable = [record for record in context.files() if _comparable(context, record)]
    records = [record for record in comparable if "digest" in record and record["path"] not in context.altered]
    if without := sum("digest" not in record for record in comparable):
        context.count(BY_HEADER, without)
    for record in sorted(records, key=lambda record: -int(record["size"])):
        context.digests.start_file(record["path"])
    if context.options.max_level >= Level.WEIGHTS:
        _start_arrays(context, comparable)
    for record in records:
        digest = context.digests.file(record["path"])
        context.count("files")
        context.count("bytes", record["size"])
        if digest != record["digest"]:
            message = f"sha256 differs from the manifest: was {_short(record['digest'])}, is {_short(digest)}"
            yield at("CKP3003", message, file=record["path"])


def _start_arrays(context: Context, records: list[dict[str, Any]]) -> None:
    """Let the digests of level L4 run beside those of the files."""
    for record in records:
        if record["media_type"] == SAFETENSORS and record["path"] not in context.altered:
            # What is wrong with a header is said by level L4.
            with suppress(CandleSpecError):
                context.digests.start_arrays(record["path"], context.header(record["path"]))


def _comparable(context: Context, record: dict[str, Any]) -> bool:
    path = record["path"]
    return (
        context.found.get(path) == ("file", record["size"])
        and not _behind_link(context, path)
        and pointer_target(context.root / path) is None
    )


def _short(digest: str) -> str:
    return digest[: len("sha256:") + 12] + "…"


RULES = (paths, presence, heads, digests)
