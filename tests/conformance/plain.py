"""JSON as section 3 of spec.md has it, its canonical form, digests, names: for the reader in standard Python."""

from __future__ import annotations

import hashlib
import json
import math
from decimal import Decimal
from typing import Any


class Broken(Exception):
    """A requirement is broken; the argument is its id."""


def need(holds: object, requirement: str) -> None:
    if not holds:
        raise Broken(requirement)


def sha(data: bytes) -> str:
    return "sha256:" + hashlib.sha256(data).hexdigest()


def canonical(value: Any) -> str:
    if isinstance(value, dict):
        members = sorted(value.items(), key=lambda member: member[0].encode("utf-16-be"))
        return "{" + ",".join(f"{canonical(key)}:{canonical(item)}" for key, item in members) + "}"
    if isinstance(value, list):
        return "[" + ",".join(map(canonical, value)) + "]"
    if not isinstance(value, float):
        return json.dumps(value, ensure_ascii=False)
    if value == 0 or 1e-6 <= abs(value) < 1e21:
        return f"{Decimal(repr(value)):f}".removesuffix(".0").replace("-0", "0" if value == 0 else "-0")
    mantissa, _, exponent = repr(value).partition("e")
    return f"{mantissa.removesuffix('.0')}e{'-' if exponent[0] == '-' else '+'}{exponent.lstrip('+-0')}"


def sha_json(value: Any) -> str:
    return sha(canonical(value).encode())


def text(name: Any) -> str:
    return name if isinstance(name, str) else bytes.fromhex(name["$str"]).decode("utf-16-be", "surrogatepass")


def tagged(name: str) -> Any:
    units = name.encode("utf-16-be", "surrogatepass")
    return name if units.decode("utf-16-be", "replace") == name else {"$str": units.hex()}


def ordered(rows: list[list[Any]]) -> list[list[Any]]:
    found = sorted(rows, key=lambda row: row[0].encode("utf-8", "surrogatepass"))
    return [[tagged(row[0]), *row[1:]] for row in found]


def children(node: Any) -> list[Any]:
    return list(node.values()) if isinstance(node, dict) else node if isinstance(node, list) else []


def finite(literal: str) -> float:
    value = float(literal)
    return need(math.isfinite(value), "CS-007") or value


def once(members: list[tuple[str, Any]], requirement: str) -> Any:
    return need(len(dict(members)) == len(members), requirement) or dict(members)


def parse(data: bytes, twice: str = "CS-005", wrong: str = "CS-004") -> Any:
    need(not data.startswith(b"\xef\xbb\xbf"), "CS-003")
    hooks: Any = {"object_pairs_hook": lambda m: once(m, twice), "parse_constant": lambda _: need(0, "CS-007")}
    hooks["parse_float"] = finite
    try:
        document = json.loads(data.decode(), **hooks)
    except RecursionError:
        raise Broken("CS-006") from None
    except ValueError as error:
        raise Broken("CS-003" if isinstance(error, UnicodeDecodeError) else wrong) from None
    try:
        json.dumps(document, ensure_ascii=False).encode()
    except UnicodeEncodeError:  # half of a surrogate pair
        raise Broken("CS-007") from None
    except RecursionError:
        raise Broken("CS-006") from None
    level, depth = [document], 0
    while level := [child for parent in level for child in children(parent)]:
        need((depth := depth + 1) <= 256, "CS-006")
    return document
