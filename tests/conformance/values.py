"""What sections 4, 5 and 11 of spec.md say of single values and paths, and of program code, in standard Python."""

from __future__ import annotations

import io
import json
import math
import pickletools
import re
import unicodedata
from calendar import monthrange
from pathlib import Path
from typing import Any

from tests.conformance.plain import children, need

SCHEMAS = Path(__file__).resolve().parents[2] / "schemas"
STORABLE = re.compile(r'[^\x00-\x1f\x7f-\x9f<>:"|?*\\]+(?<![. ])')
DEVICE = re.compile(r"(?i)(con|prn|aux|nul|conin\$|conout\$|(com|lpt)[0-9¹²³])(\.|$)")
MOMENT = re.compile(r"(\d{4})-(\d\d)-(\d\d)(?:T(\d\d:\d\d):(\d\d)(?:\.\d+)?Z)?")
FORMS = {
    "doi": r"10\.[0-9]{4,9}(\.[0-9]+)*/\S+",
    "swhid": r"swh:1:(cnt|dir|rev|rel|snp):[0-9a-f]{40}(;\S+)?",
    "uuid": r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}",
    "purl": r"pkg:[^\s/]+/\S+",
    "url": r"[a-zA-Z][a-zA-Z0-9+.-]*://\S+",
}
CROCKFORD = "0123456789abcdefghjkmnpqrstvwxyz"
NO_NUMBERS = ("BOOL", "STR", "BYTES", "STRUCT")
OWN = re.compile(r"(DocumentRef-[A-Za-z0-9.-]+:)?LicenseRef-[A-Za-z0-9.-]+")
NAMES = re.compile(
    r"(?is).*\.(pyx?|ipynb|r|rmd|jl|cc?|cpp|cuh?|java|js|lua|pl|rb|sh|bash|bat|cmd|ps1|py[cod]|so|dll|dylib|exe|wasm|class"
    r"|jar|pkl|pickle|joblib|dill|pth?|ckpt)|(.*/)?(dockerfile(\.[^/]*)?|containerfile|makefile)"
)
BEGINNINGS = (b"#!", b"MZ", b"\x7fELF", b"\xcf\xfa\xed\xfe", b"\xce\xfa\xed\xfe", b"\xca\xfe\xba\xbe", b"\0asm")
IMPORTS, CALLS = "GLOBAL INST STACK_GLOBAL EXT1 EXT2 EXT4".split(), "REDUCE BUILD INST OBJ NEWOBJ NEWOBJ_EX".split()


def vocabulary(name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((SCHEMAS / "vocabularies" / f"{name}.json").read_bytes())
    return found


UNICODE = vocabulary("unicode")
LICENCES = [{name.lower() for name in vocabulary("licences")[kind]} for kind in ("licenses", "exceptions")]


def folded(path: str) -> str:
    return unicodedata.normalize("NFC", "".join(UNICODE["case_folding"].get(letter, letter) for letter in path))


def storable(path: str) -> bool:
    codes = {ord(letter) for letter in path}
    assigned = all(any(first <= code <= last for first, last in UNICODE["assigned"]) for code in codes)
    parts = path.split("/")
    sound = all(STORABLE.fullmatch(part) and not DEVICE.match(part) and len(part.encode()) <= 255 for part in parts)
    return assigned and sound and "." not in parts and unicodedata.normalize("NFC", path) == path


def orcid(value: str) -> bool:
    digits = value.removeprefix("https://orcid.org/").replace("-", "")
    total = sum(int(digit) << (15 - i) for i, digit in enumerate(digits[:15]))
    return "0123456789X"[(12 - total % 11) % 11] == digits[15:]


def ror(value: str) -> bool:
    value = value.removeprefix("https://ror.org/")
    if not re.fullmatch(r"0[0-9a-hjkmnp-tv-z]{6}[0-9]{2}", value):
        return False
    number = sum(CROCKFORD.index(letter) * 32 ** (6 - i) for i, letter in enumerate(value[:7]))
    return 98 - number * 100 % 97 == int(value[7:])


def exists(value: str) -> bool:
    found = MOMENT.fullmatch(value)
    if not found:
        return True  # of another form, which the schema judges
    year, month, day = map(int, found.group(1, 2, 3))
    sound = year > 0 and 1 <= month <= 12 and 1 <= day <= monthrange(year, month)[1]
    return sound and (found[5] != "60" or found[4] == "23:59")


def licence(value: str) -> bool:
    depth, expected = 0, "licence"
    for token in re.findall(r"[()]|[^\s()]+", value):
        word = token.lower()
        if expected == "exception":
            expected = "operator" if word in LICENCES[1] else "nothing"
        elif expected == "licence" and token == "(":
            depth += 1
        elif expected == "licence":
            known = OWN.fullmatch(token) or {word, word.removesuffix("+")} & LICENCES[0]
            expected = "operator or with" if known else "nothing"
        elif expected.startswith("operator") and token == ")" and depth:
            depth, expected = depth - 1, "operator"
        elif expected.startswith("operator") and token in ("AND", "OR", "and", "or"):
            expected = "licence"
        elif expected == "operator or with" and token in ("WITH", "with"):
            expected = "exception"
        else:
            return False
    return not depth and expected.startswith("operator")


def words(document: dict[str, Any]) -> None:
    """Identifiers, times and licences, wherever they stand."""
    waiting: list[Any] = [document]
    while waiting:
        node = waiting.pop()
        for name, value in node.items() if isinstance(node, dict) else ():
            if isinstance(value, str):
                need(name != "orcid" or orcid(value), "CS-020")
                need(not (name == "ror" or name.endswith("_ror")) or ror(value), "CS-020")
                need(exists(value), "CS-021")
        waiting += children(node)
    for entry in document.get("identifiers", []):
        need(re.fullmatch(FORMS.get(entry["scheme"], ".*"), entry["value"]), "CS-020")
    need(all(licence(text) for text in document.get("license", {}).values()), "CS-087")


def number(value: Any) -> float:
    tagged = isinstance(value, dict)
    return float(value["$float"] if tagged and "$float" in value else value["$int"] if tagged else value)


def measured(evaluations: list[dict[str, Any]]) -> None:
    terms = {term["id"]: term for term in vocabulary("metrics")["terms"]}
    for entry in evaluations:
        term, interval, value = terms.get(entry["metric"]["id"], {}), entry.get("interval"), number(entry["value"])
        need(not interval or (interval["lower"] <= value <= interval["upper"] and math.isfinite(value)), "CS-022")
        span = term.get("range")
        need(not span or span.get("min", -math.inf) <= value <= span.get("max", math.inf), "CS-023")
        need(
            entry["metric"].get("direction", term.get("direction"))
            == term.get("direction", entry["metric"].get("direction")),
            "CS-024",
        )


def parameters(tensors: list[dict[str, Any]]) -> list[dict[str, Any]]:
    solid = [t for t in tensors if "alias_of" not in t and t["dtype"] not in NO_NUMBERS]
    return [t for t in solid if t.get("role", "parameter") == "parameter"]


def is_program(path: str, data: bytes) -> bool:
    start = data[: 1 << 16]
    return bool(NAMES.fullmatch(path)) or start.startswith(BEGINNINGS) or is_pickle(start)


def is_pickle(start: bytes) -> bool:
    """Whether bytes are a pickle: its opcodes are read, and the items counted that they push and take."""
    protocol = start[:1] == b"\x80" and start[1:2] in (b"\2", b"\3", b"\4", b"\5")
    stack: list[str] = []
    file, imported = io.BytesIO(start), False
    try:
        for opcode, argument, _ in pickletools.genops(file):
            takes = [item.name for item in opcode.stack_before]
            if "mark" in takes or (opcode.name == "POP" and stack[-1:] == ["mark"]):
                if "mark" not in stack:
                    return False
                del stack[len(stack) - 1 - stack[::-1].index("mark") :]
                takes = takes[: takes.index("mark")] if "mark" in takes else []
            taken = stack[len(stack) - len(takes) :]
            if len(stack) < len(takes) or "mark" in taken:
                return False
            del stack[len(stack) - len(takes) :]
            stack += [item.name for item in opcode.stack_after]
            if opcode.name in ("GLOBAL", "INST") and not re.fullmatch(r"[^\W\d][\w.]* [^\W\d][\w.]*", str(argument)):
                return False
            imported |= opcode.name in IMPORTS
            if imported and opcode.name in CALLS:
                return True
        return not stack and (protocol or imported or file.tell() == len(start))
    except ValueError:  # an opcode that is none, or an argument that is not whole
        return protocol and len(start) == 1 << 16 and file.tell() == len(start)
