"""A reader in standard Python alone, written from spec.md: reader.py CHECKPOINT… prints a broken requirement, or ok."""

import base64
import gzip
import io
import json
import math
import re
import sys
import zlib
from functools import reduce
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from tests.conformance import sound  # noqa: E402
from tests.conformance.places import BITS, documents, is_place, moved  # noqa: E402
from tests.conformance.plain import Broken, children, need, ordered, parse, sha, sha_json, text  # noqa: E402
from tests.conformance.values import folded, is_program, measured, parameters, storable, words  # noqa: E402

BASE, SCHEMAS = "https://w3id.org/candle-spec/schemas/", ROOT / "schemas"
TAGS = "int float complex str bytes dict list tuple set frozenset tensor scalar global object ref".split()
KINDS: dict[str, Any] = {"object": dict, "array": list, "string": str, "integer": int, "number": (int, float)}
LATER = re.compile(r"evaluations/(0|[1-9][0-9]{0,8})\.(json|sig)")
MANIFEST, RESERVED = "candle-checkpoint.json", ("candle-checkpoint.json", "candle-checkpoint.sig")
SAFETENSORS = "application/vnd.safetensors"


def check(value: Any, at: dict[str, Any], root: dict[str, Any]) -> None:
    while "$ref" in at:
        target, _, fragment = at["$ref"].partition("#")
        root = json.loads((SCHEMAS / f"{target.removeprefix(BASE)}.json").read_bytes()) if target else root
        at = reduce(lambda node, part: node[part], filter(None, fragment.split("/")), root)
    if isinstance(at.get("type"), str) and at["type"] in KINDS:
        need(isinstance(value, KINDS[at["type"]]) and not isinstance(value, bool), "CS-012")
    need(not isinstance(value, int) or -(2**53) < value < 2**53, "CS-012")
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
    need(len(data) >= 8, "CS-050")
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
        need(all(type(n) is int and n >= 0 for n in (begin, end, *entry["shape"])), "CS-054")
        bits = math.prod(entry["shape"]) * BITS.get(entry["dtype"], 1)
        need(entry["dtype"] in BITS and bits % 8 == 0, "CS-056")
        need((end - begin) * 8 == bits, "CS-054")
        need(begin == position, "CS-053")
        found[key], position = (entry["dtype"], entry["shape"], data[8 + length + begin : 8 + length + end]), end
    need(8 + length + position == len(data), "CS-055")
    return found


def obey(document: Any, schema: str, requirement: str = "CS-073") -> None:
    """Check a document by a schema of which every fault breaks one requirement."""
    try:
        check(document, {"$ref": f"{BASE}{schema}"}, {})
    except Broken:
        raise Broken(requirement) from None


def files(root: Path, manifest: dict[str, Any]) -> None:
    seen: dict[str, str] = {}
    embedded = {entry.get("path") for entry in manifest.get("security", {}).get("embedded_code", [])}
    for record in manifest["files"]:
        path, parts = record["path"], record["path"].split("/")
        need(not path.startswith("/") and ".." not in parts, "CS-034")
        need(storable(path), "CS-037")
        need(path.lower() not in RESERVED, "CS-040")
        need(folded(path) not in seen, "CS-038" if seen.get(folded(path)) == path else "CS-036")
        seen[folded(path)] = path
        is_weights = record["role"] in ("weights", "training-state") and record["media_type"] == SAFETENSORS
        need(is_weights or "header" not in record, "CS-028")
        if "withheld" not in record:
            need((root / path).is_file(), "CS-030")
            need((root / path).stat().st_size == record["size"], "CS-031")
            data = (root / path).read_bytes()
            first, entire = record.get("header", {"size": 0, "digest": sha(b"")}), record.get("digest", sha(data))
            need(sha(data[: first["size"]]) == first["digest"] and sha(data) == entire, "CS-032")
            declared = record["role"] == "code" or (record["role"] == "topology" and path in embedded)
            need(is_weights or declared or not is_program(path, data), "CS-081")
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
        obey(document, f"evaluation/{document.get('schema_version', manifest['schema_version'])}", "CS-043")
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


def parts_of(tensor: dict[str, Any], stored: dict[str, Any]) -> dict[str, Any]:
    return {name: stored[part["file"]][part["key"]] for name, part in tensor["encoding"]["parts"].items()}


def encoded(tensor: dict[str, Any], stored: dict[str, Any]) -> None:
    name, params = tensor["encoding"]["name"], tensor["encoding"].get("params", {})
    try:
        sound.check(name, tensor["dtype"], tensor["shape"], params, parts_of(tensor, stored))
    except sound.Unsound:
        raise Broken("CS-071") from None


def weights(root: Path, manifest: dict[str, Any], tensors: list[dict[str, Any]]) -> dict[str, Any]:
    about, groups = manifest["weights"], manifest["weights"].get("groups", [])
    need(len({g["id"] for g in groups if g["id"].split(".")[0] == g["kind"]}) == len(groups), "CS-029")
    stored = {path: header((root / path).read_bytes()) for group in groups for path in group["files"]}
    need(all(len(group["files"]) < 2 or "index" in group for group in groups), "CS-049")
    for group in (group for group in groups if "index" in group):
        index, shards = parse((root / group["index"]).read_bytes()), {file: stored[file] for file in group["files"]}
        obey(index, f"shard-index/{manifest['schema_version']}")
        need(all(key in shards.get(file, ()) for key, file in index["weight_map"].items()), "CS-060")
        need(all(key in index["weight_map"] for shard in shards.values() for key in shard), "CS-061")
        sizes = (len(array[2]) for shard in shards.values() for array in shard.values())
        need(index["metadata"]["total_size"] == sum(sizes), "CS-062")
    names, claimed = {(t["group"], t["name"]): t for t in tensors}, {}
    need(len(names) == len(tensors), "CS-072")
    for tensor in tensors:
        alias, target = "alias_of" in tensor, names.get(tuple(tensor.get("alias_of", ())), tensor)
        need(not alias or ("alias_of" not in target and row(target) == row(tensor)), "CS-066")
        encoding = tensor.get("encoding", {"name": "", "parts": {} if alias else {"": tensor}})
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
        if "encoding" in tensor:
            encoded(tensor, stored)
    need(set(claimed) == {(file, key) for file, rows in stored.items() for key in rows}, "CS-063")
    need({t["group"] for t in tensors} <= {group["id"] for group in groups}, "CS-070")
    for group in groups:
        own, places = (
            [t for t in tensors if t["group"] == group["id"]],
            [p for p in claimed if claimed[p][0] == group["id"]],
        )
        size, used = sum(claimed[place][1] for place in places), {file for file, _ in places}
        found = len(own), size, sum(math.prod(t["shape"]) for t in parameters(own))
        need((group["tensor_count"], group["size"], group["parameter_count"]) == found, "CS-070")
        need(used == set(group["files"]) or (not own and len(group["files"]) == 1), "CS-070")
    models = [t for t in tensors if t["group"].split(".")[0] == "model"]
    counted = parameters(models)
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


def uses(manifest: dict[str, Any]) -> None:
    """What the manifest names is listed, with the role of its use; a state tree or an inventory is named."""
    listed, about = {record["path"]: record for record in manifest["files"]}, manifest["weights"]
    state, ids = manifest.get("training_state", {}), [group["id"] for group in about.get("groups", [])]
    originals = manifest.get("conversion", {}).get("restore", {}).get("originals", [])
    trees, inventory = [state["state_tree"]] if "state_tree" in state else [], about.get("inventory", [])
    rows = [("state-tree", trees), ("tensor-inventory", inventory), ("document", documents(manifest))]
    rows += [(role, [original[role] for original in originals]) for role in ("residue", "extents")]
    rows += [("index", [group["index"] for group in about.get("groups", []) if "index" in group])]
    need(all(listed.get(path, {}).get("role") == role for role, paths in rows for path in paths), "CS-028")
    for record in (listed.get(path, {}) for group in about.get("groups", []) for path in group["files"]):
        need(record.get("role") in ("weights", "training-state") and record["media_type"] == SAFETENSORS, "CS-028")
    named = {path: role for role, paths in rows[:2] for path in paths}
    need(
        all(
            named.get(path) == r["role"]
            for path, r in listed.items()
            if r["role"] in ("state-tree", "tensor-inventory")
        ),
        "CS-028",
    )
    need(
        all(part.get("group", ids[0] if ids else "") in [*ids, ""] for part in state.get("parts", {}).values()),
        "CS-028",
    )


def meaning(root: Path, manifest: dict[str, Any], tensors: list[dict[str, Any]]) -> None:
    words(manifest)
    measured(manifest.get("evaluations", []))
    for stated in (each["feature_list"] for each in manifest.get("inputs", []) if "feature_list" in each):
        lines = (root / stated["path"]).read_bytes().replace(b"\r\n", b"\n").removesuffix(b"\n")
        need(lines.decode(errors="replace").encode() == lines, "CS-078")
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
    for path in documents({name: value for name, value in manifest.items() if name not in ("files", "weights")}):
        need(not documents(parse((root / path).read_bytes(), "CS-073", "CS-073")), "CS-073")
    known = {(t["group"], t["name"]) for t in tensors}
    open_nodes = [parse((root / path).read_bytes())["tree"] for path, role in roles.items() if role == "state-tree"]
    for tree, group in ((tree, group) for tree in open_nodes for group in manifest["weights"].get("groups", [])):
        need(is_place(tree, group.get("root", "")), "CS-070")
    while open_nodes:
        node = open_nodes.pop()
        tags = [key for key in node if key.startswith("$")] if isinstance(node, dict) else []
        need(all(tag[1:] in TAGS for tag in tags), "CS-073")
        need("$tensor" not in tags or (node["$tensor"][0], text(node["$tensor"][1])) in known, "CS-074")
        open_nodes += children(node)


def natives(root: Path, manifest: dict[str, Any], arrays: dict[str, Any]) -> None:
    """Splice the native files, and compare them with the certificate."""
    conversion = manifest.get("conversion", {})
    listed = conversion.get("native", {"files": []})["files"]
    digests, sizes = ({record["path"]: record[name] for record in listed} for name in ("digest", "size"))
    for original in conversion.get("restore", {}).get("originals", []):
        need(original["native"] in digests, "CS-077")
        if not (root / original["residue"]).is_file() or not (root / original["extents"]).is_file():
            continue
        about = parse((root / original["extents"]).read_bytes())
        obey(about, f"extents/{about['schema_version']}")
        need((about["native"], about["residue"]["path"]) == (original["native"], original["residue"]), "CS-073")
        lengths = sum(extent["length"] for extent in about["extents"])
        need(about["size"] == sizes[original["native"]] == about["residue"]["size"] + lengths, "CS-073")
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
            whole = not {"order", "swap"} & set(extent)
            data = data if whole else moved(data, dtype, shape, extent)
            piece = data[extent.get("start", 0) :][: extent["length"]]
            need(len(piece) == extent["length"] and (whole or piece == data), "CS-073")
            out += piece
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
    uses(manifest)
    sides = [parse((root / path).read_bytes()) for path in about.get("inventory", ())] or [about]
    for side in sides if "inventory" in about else []:
        obey(side, f"tensors/{side.get('schema_version')}")
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
