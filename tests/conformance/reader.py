"""A reader in standard Python alone, written from spec.md: reader.py CHECKPOINT… prints a broken requirement, or ok."""

import base64
import gzip
import hashlib
import io
import json
import math
import re
import sys
import zlib
from calendar import monthrange
from decimal import Decimal
from functools import reduce
from pathlib import Path
from typing import Any

BASE = "https://w3id.org/candle-spec/schemas/"
SCHEMAS = Path(__file__).resolve().parents[2] / "schemas"
BYTE = "BOOL U8 I8 F8_E4M3 F8_E5M2 F8_E4M3FNUZ F8_E5M2FNUZ F8_E8M0"
WIDTHS = {4: "F4", 6: "F6_E2M3 F6_E3M2", 8: BYTE, 16: "U16 I16 F16 BF16", 32: "U32 I32 F32", 64: "U64 I64 F64 C64"}
BITS = {name: width for width, names in WIDTHS.items() for name in names.split()}
PARTS = {"complex_pairs": {"values"}, "quantized": {"values", "scales", "zero_points"}, "strings": {"bytes", "offsets"}}
PARTS |= {f"sparse_{n}": {"compressed", "plain", "values"} for n in ("csr", "csc", "bsr", "bsc")}
PARTS |= {"sparse_coo": {"indices", "values"}, "packed": {"values"}, "raw": {"values"}}
STORABLE = re.compile(r'(?i)(?!(con|prn|aux|nul|com\d|lpt\d)(\.|$))[^\x00-\x1f\x7f<>:"|?*\\]+(?<![. ])')
TAGS = "int float complex str bytes dict list tuple set frozenset tensor scalar global object ref".split()
LICENCE = re.compile(r"(Apache-2\.0|MIT|BSD-3-Clause|CC-BY-4\.0|LicenseRef-[A-Za-z0-9.-]+)")  # of SPDX, those here
KINDS: dict[str, Any] = {"object": dict, "array": list, "string": str, "integer": int, "number": (int, float)}
LATER = re.compile(r"evaluations/(0|[1-9][0-9]{0,8})\.(json|sig)")
NO_NUMBERS = ("BOOL", "STR", "BYTES", "STRUCT")
MANIFEST, CODE = "candle-checkpoint.json", (".py", ".so", ".dll", ".exe", ".sh", ".pkl")


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


def once(members: list[tuple[str, Any]], requirement: str) -> Any:
    return need(len(dict(members)) == len(members), requirement) or dict(members)


def parse(data: bytes, twice: str = "CS-005", wrong: str = "CS-004") -> Any:
    need(not data.startswith(b"\xef\xbb\xbf"), "CS-003")
    hooks: Any = {"object_pairs_hook": lambda m: once(m, twice), "parse_constant": lambda _: need(0, "CS-007")}
    try:
        document = json.loads(data.decode(), **hooks)
    except ValueError as error:
        raise Broken("CS-003" if isinstance(error, UnicodeDecodeError) else wrong) from None
    level, depth = [document], 0
    while level := [child for parent in level for child in children(parent)]:
        need((depth := depth + 1) <= 256, "CS-006")
    return document


def check(value: Any, at: dict[str, Any], root: dict[str, Any]) -> None:
    while "$ref" in at:
        target, _, fragment = at["$ref"].partition("#")
        root = json.loads((SCHEMAS / f"{target.removeprefix(BASE)}.json").read_bytes()) if target else root
        at = reduce(lambda node, part: node[part], filter(None, fragment.split("/")), root)
    if isinstance(at.get("type"), str) and at["type"] in KINDS:
        need(isinstance(value, KINDS[at["type"]]) and not isinstance(value, bool), "CS-012")
    need(not isinstance(value, list) or len(value) >= at.get("minItems", 0), "CS-012")
    if isinstance(value, dict):
        need(set(at.get("required", [])) <= set(value), "CS-010")
        for key, item in value.items():
            need(key in at.get("properties", {}) or at.get("additionalProperties") is not False, "CS-011")
            check(item, at.get("properties", {}).get(key, {}), root)
    for item in value if isinstance(value, list) and isinstance(at.get("items"), dict) else []:
        check(item, at["items"], root)


def header(data: bytes) -> dict[str, tuple[str, list[int], bytes]]:
    length = int.from_bytes(data[:8], "little")
    need(length <= 100_000_000, "CS-058")
    need(8 + length <= len(data), "CS-050")
    entries = parse(data[8 : 8 + length], "CS-052", "CS-051")
    need(data[8:9] == b"{", "CS-051")
    metadata = entries.pop("__metadata__", {})
    need(isinstance(metadata, dict) and all(isinstance(v, str) for v in metadata.values()), "CS-057")
    need(all(isinstance(e, dict) and set(e) == {"dtype", "shape", "data_offsets"} for e in entries.values()), "CS-051")
    position, found = 0, {}
    for key, entry in sorted(entries.items(), key=lambda row: row[1]["data_offsets"]):
        begin, end = entry["data_offsets"]
        need(entry["dtype"] in BITS, "CS-056")
        need((end - begin) * 8 == math.prod(entry["shape"]) * BITS[entry["dtype"]], "CS-054")
        need(begin == position, "CS-053")
        found[key], position = (entry["dtype"], entry["shape"], data[8 + length + begin : 8 + length + end]), end
    need(8 + length + position == len(data), "CS-055")
    return found


def files(root: Path, manifest: dict[str, Any]) -> None:
    seen: dict[str, str] = {}
    for record in manifest["files"]:
        path, parts = record["path"], record["path"].split("/")
        need(not path.startswith("/") and ".." not in parts, "CS-034")
        need(all(STORABLE.fullmatch(part) for part in parts), "CS-037")
        need(path not in (MANIFEST, "candle-checkpoint.sig"), "CS-040")
        need(path.lower() not in seen, "CS-038" if seen.get(path.lower()) == path else "CS-036")
        seen[path.lower()] = path
        if "withheld" not in record:
            need((root / path).is_file(), "CS-030")
            need((root / path).stat().st_size == record["size"], "CS-031")
            data = (root / path).read_bytes()
            first, entire = record.get("header", {"size": 0, "digest": sha(b"")}), record.get("digest", sha(data))
            need(sha(data[: first["size"]]) == first["digest"] and sha(data) == entire, "CS-032")
            need(record["role"] == "code" or not path.endswith(CODE), "CS-081")
    known = {*seen.values(), MANIFEST, "candle-checkpoint.sig"}
    for found in root.rglob("*"):
        need(not found.is_symlink(), "CS-035")
        path = found.relative_to(root).as_posix()
        if found.is_file() and path not in known and not LATER.fullmatch(path):
            raise Broken("CS-002" if found.name == MANIFEST else "CS-033")


def beside(root: Path, manifest: dict[str, Any]) -> None:
    """What lies beside the manifest unlisted: later evaluations, signatures."""
    for path in sorted(root.glob("evaluations/*.json")):
        document = parse(path.read_bytes(), "CS-043", "CS-043")
        try:
            check(document, {"$ref": f"{BASE}evaluation/{document['schema_version']}"}, {})
        except (Broken, KeyError):
            raise Broken("CS-043") from None
        need(document["digest"] == sha_json({k: v for k, v in document.items() if k != "digest"}), "CS-044")
        need(document["content_digest"] == manifest["weights"]["content_digest"], "CS-045")
    for path in [root / "candle-checkpoint.sig", *root.glob("evaluations/*.sig")]:
        if path.is_file():
            signed = path.with_suffix(".json")
            envelope = parse(path.read_bytes(), "CS-084", "CS-084")["dsseEnvelope"]
            statement = parse(base64.b64decode(envelope["payload"]), "CS-084", "CS-084")
            (resource,), (subject,) = statement["predicate"]["resources"], statement["subject"]
            kind = envelope["payloadType"], len(envelope["signatures"])
            need(kind == ("application/vnd.in-toto+json", 1), "CS-084")
            need(statement["predicateType"] == "https://model_signing/signature/v1.0", "CS-084")
            need((resource["name"], resource["algorithm"]) == (".", "sha256"), "CS-084")
            need(f"sha256:{subject['digest']['sha256']}" == sha(bytes.fromhex(resource["digest"])), "CS-084")
            need(signed.is_file() and sha(signed.read_bytes()) == f"sha256:{resource['digest']}", "CS-085")


def weights(root: Path, manifest: dict[str, Any], tensors: list[dict[str, Any]]) -> dict[str, Any]:
    about, groups = manifest["weights"], manifest["weights"].get("groups", [])
    need(len({g["id"] for g in groups if g["id"].split(".")[0] == g["kind"]}) == len(groups), "CS-029")
    stored = {path: header((root / path).read_bytes()) for group in groups for path in group["files"]}
    need(all(len(group["files"]) < 2 or "index" in group for group in groups), "CS-049")
    for group in (group for group in groups if "index" in group):
        index, shards = parse((root / group["index"]).read_bytes()), {file: stored[file] for file in group["files"]}
        need(all(key in shards.get(file, ()) for key, file in index["weight_map"].items()), "CS-060")
        need(all(key in index["weight_map"] for shard in shards.values() for key in shard), "CS-061")
        sizes = (len(array[2]) for shard in shards.values() for array in shard.values())
        need(index["metadata"]["total_size"] == sum(sizes), "CS-062")
    names, claimed = {(t["group"], t["name"]): t for t in tensors}, {}
    need(len(names) == len(tensors), "CS-072")
    for tensor in tensors:
        alias, target = "alias_of" in tensor, names.get(tuple(tensor.get("alias_of", ())), tensor)
        need(not alias or ("alias_of" not in target and row(target) == row(tensor)), "CS-066")
        encoding = tensor.get("encoding", {"name": "structured", "parts": {} if alias else {"": tensor}})
        need(encoding["name"] == "structured" or set(encoding["parts"]) == PARTS.get(encoding["name"]), "CS-071")
        for part in encoding["parts"].values():
            place = part["file"], part.get("key", tensor["name"])
            need(place[1] in stored[place[0]] and place not in claimed, "CS-063")
            dtype, shape, data = stored[place[0]][place[1]]
            need([dtype, shape] == row(part)[:2], "CS-065")
            need(sha(data) == part["digest"], "CS-067")
            claimed[place] = tensor["group"], len(data)
        parts = {name: row(part) for name, part in encoding["parts"].items()}
        made = sha_json({"encoding": encoding["name"], "params": encoding.get("params", {}), "parts": parts})
        need("encoding" not in tensor or tensor["digest"] == made, "CS-067")
    need(set(claimed) == {(file, key) for file, rows in stored.items() for key in rows}, "CS-063")
    for group in groups:
        own = [n for of, n in claimed.values() if of == group["id"]], [t for t in tensors if t["group"] == group["id"]]
        need((group["tensor_count"], group["size"]) == (len(own[1]), sum(own[0])), "CS-070")
    models = [t for t in tensors if t["group"].split(".")[0] == "model"]
    solid = [t for t in models if "alias_of" not in t and t["dtype"] not in NO_NUMBERS]
    counted = [t for t in solid if t.get("role", "parameter") == "parameter"]
    count, dtypes = sum(math.prod(t["shape"]) for t in counted), {t["dtype"] for t in counted}
    precision = set(manifest["model"].get("precision", dtypes))
    need({d for d in dtypes if not re.fullmatch(r"[IU]\d+", d)} <= precision <= dtypes, "CS-079")
    need(about["kind"] == "payload" or manifest["model"].get("parameter_count", count) == count, "CS-064")
    proof = {"tensors": sum("alias_of" not in t for t in tensors), "bytes": sum(size for _, size in claimed.values())}
    need(proof.items() <= manifest.get("conversion", {}).get("proof", proof).items(), "CS-077")
    listed, several = {record["path"]: record for record in manifest["files"]}, len({t["group"] for t in models}) > 1
    rows = ordered([[f"{t['group']}/{t['name']}" if several else t["name"], *row(t)] for t in models])
    if about["kind"] == "payload":
        kept = [(entry["role"], listed[entry["path"]]) for entry in about["payload"]]
        rows = [*sorted([role, file["media_type"], file["size"], file["digest"]] for role, file in kept), *rows]
    need(about["content_digest"] == sha_json(rows), "CS-068")
    bare = sorted((row(t) for t in models), key=lambda row: (row[2], row[0], row[1]))
    need(about.get("values_digest", sha_json(bare)) == sha_json(bare), "CS-069")
    state = ordered([[f"{t['group']}/{t['name']}", *row(t)] for t in tensors])
    need(about.get("state_digest", sha_json(state)) == sha_json(state), "CS-069")
    return stored


def row(about: dict[str, Any]) -> list[Any]:
    return [about["dtype"], about["shape"], about["digest"]]


def meaning(root: Path, manifest: dict[str, Any], tensors: list[dict[str, Any]]) -> None:
    for year, month, day in (map(int, text[:10].split("-")) for text in manifest["dates"].values()):
        need(day <= monthrange(year, month)[1], "CS-021")
    for orcid in (person["orcid"] for person in manifest.get("creators", []) if "orcid" in person):
        total = sum(int(digit) << (15 - i) for i, digit in enumerate(orcid.replace("-", "")[:15]))
        need("0123456789X"[(12 - total % 11) % 11] == orcid[-1], "CS-020")
    need(all(LICENCE.fullmatch(text) for text in manifest.get("license", {}).values()), "CS-087")
    terms = {t["id"]: t for t in json.loads((SCHEMAS / "vocabularies/metrics.json").read_bytes())["terms"]}
    for entry in manifest.get("evaluations", []):
        term, interval, value = terms.get(entry["metric"]["id"], {}), entry.get("interval", {}), entry["value"]
        need(interval.get("lower", value) <= value <= interval.get("upper", value), "CS-022")
        need(term.get("range", {}).get("min", value) <= value <= term.get("range", {}).get("max", value), "CS-023")
        need(entry["metric"].get("direction", term.get("direction")) == term.get("direction"), "CS-024")
    for stated in (each["feature_list"] for each in manifest.get("inputs", []) if "feature_list" in each):
        lines = (root / stated["path"]).read_bytes().replace(b"\r\n", b"\n").removesuffix(b"\n")
        need((lines.count(b"\n") + 1, sha(lines)) == (stated["count"], stated.get("digest", sha(lines))), "CS-078")
    native = manifest.get("conversion", {}).get("native", {"files": []})
    rows = ordered([[record["path"], record["size"], record["digest"]] for record in native["files"]])
    need(not rows or native["digest"] == (rows[0][2] if len(rows) == 1 else sha_json(rows)), "CS-077")
    state, roles = manifest.get("training_state", {}), {record["path"]: record["role"] for record in manifest["files"]}
    status = {name: part["status"] for name, part in state.get("parts", {}).items()}
    exact = all(status.get(part) in ("present", "not-used") for part in ("scheduler", "scaler", "rng", "sampler"))
    grade = ("fine-tunable", "exactly-resumable")[exact] if status.get("optimizer") == "present" else "inference-only"
    need(state.get("resume_grade", grade) == grade, "CS-025")
    sealed = sha_json({key: value for key, value in manifest.items() if key != "manifest_digest"})
    need(manifest.get("manifest_digest", sealed) == sealed, "CS-026")
    need(all(source["pointer"].split("/")[1] in manifest for source in manifest.get("field_sources", [])), "CS-027")
    need("state_tree" not in state or roles.get(state["state_tree"]) == "state-tree", "CS-028")
    known = {(t["group"], t["name"]) for t in tensors}
    open_nodes = [parse((root / path).read_bytes())["tree"] for path, role in roles.items() if role == "state-tree"]
    while open_nodes:
        node = open_nodes.pop()
        tags = [key for key in node if key.startswith("$")] if isinstance(node, dict) else []
        need(all(tag[1:] in TAGS for tag in tags), "CS-073")
        need("$tensor" not in tags or (node["$tensor"][0], text(node["$tensor"][1])) in known, "CS-074")
        open_nodes += children(node)


def moved(data: bytes, dtype: str, shape: list[int], extent: dict[str, Any]) -> bytes:
    """The bytes of an array as the native file has them: in its order of axes, and of the bytes of its numbers."""
    width, size = BITS[dtype] // 8, extent.get("swap", 1)
    steps = [(shape[axis], math.prod(shape[axis + 1 :]) * width) for axis in extent.get("order", range(len(shape)))]
    starts = reduce(lambda found, step: [at + step[1] * i for at in found for i in range(step[0])], steps, [0])
    items = (data[at : at + width] for at in starts)
    return b"".join(item[i : i + size][:: -1 if size > 1 else 1] for item in items for i in range(0, width, size))


def natives(root: Path, manifest: dict[str, Any], arrays: dict[str, Any]) -> None:
    """Splice the native files, and compare them with the certificate."""
    conversion = manifest.get("conversion", {})
    digests = {record["path"]: record["digest"] for record in conversion.get("native", {"files": []})["files"]}
    for original in conversion.get("restore", {}).get("originals", []):
        need(original["native"] in digests, "CS-077")
        if not (root / original["residue"]).is_file() or not (root / original["extents"]).is_file():
            continue
        about = parse((root / original["extents"]).read_bytes())
        try:
            with gzip.open(root / original["residue"]) as opened:
                rest = opened.read(about["residue"]["size"] + 1)
        except (OSError, EOFError, zlib.error):
            raise Broken("CS-073") from None
        need((len(rest), sha(rest)) == (about["residue"]["size"], about["residue"]["digest"]), "CS-073")
        out, residue = bytearray(), io.BytesIO(rest)
        for extent in about["extents"]:
            need(extent["offset"] >= len(out) and extent.get("key") in arrays.get(extent["file"], {None: 0}), "CS-073")
            out += residue.read(extent["offset"] - len(out))
            at, key = root / extent["file"], extent.get("key")
            dtype, shape, data = ("U8", [], at.read_bytes()) if key is None else arrays[extent["file"]][key]
            data = moved(data, dtype, shape, extent) if {"order", "swap"} & set(extent) else data
            out += data[extent.get("start", 0) :][: extent["length"]]
        exact, made = conversion["restore"]["byte_exact"] == "proven", sha(bytes(out + residue.read()))
        need(not exact or made == digests[original["native"]], "CS-075")


def read(root: Path) -> dict[str, Any]:
    need((root / MANIFEST).is_file(), "CS-001")
    manifest: dict[str, Any] = parse((root / MANIFEST).read_bytes())
    need((SCHEMAS / "checkpoint" / f"{manifest.get('schema_version')}.json").is_file(), "CS-013")
    need(manifest.get("$schema") == f"{BASE}checkpoint/{manifest['schema_version']}", "CS-015")
    check(manifest, {"$ref": manifest["$schema"]}, {})
    need("requires" not in manifest, "CS-019")
    files(root, manifest)
    beside(root, manifest)
    about = manifest["weights"]
    sides = [parse((root / path).read_bytes()) for path in about.get("inventory", ())] or [about]
    tensors = [{**tensor, "name": text(tensor["name"])} for side in sides for tensor in side.get("tensors", [])]
    for tensor in (tensor for tensor in tensors if "alias_of" in tensor):
        tensor["alias_of"] = tensor["alias_of"][0], text(tensor["alias_of"][1])
    stored = weights(root, manifest, tensors)
    meaning(root, manifest, tensors)
    natives(root, manifest, stored)
    return manifest


if __name__ == "__main__":
    for argument in sys.argv[1:]:
        try:
            read(Path(argument))
            print(f"{argument}: ok")
        except Broken as broken:
            print(f"{argument}: {broken.args[0]}")
