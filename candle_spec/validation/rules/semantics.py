"""L2: what a schema cannot say: the manifest's values agree with each other and with the world's conventions."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final

from candle_spec import pointer, resources
from candle_spec.checkpoint.manifest_file import manifest_digest
from candle_spec.checkpoint.resume import resume_grade
from candle_spec.digests import digest_json
from candle_spec.manifest.identifiers import fault_of
from candle_spec.manifest.licences import licence_fault
from candle_spec.problems import Problem
from candle_spec.validation.context import Context, at
from candle_spec.validation.rules.uses import documents_in, expand

_TIME: Final = re.compile(
    r"([0-9]{4})-([0-9]{2})-([0-9]{2})(?:T([0-9]{2}):([0-9]{2}):([0-9]{2})(?:\.[0-9]{1,9})?(Z|[+-][0-9]{2}:[0-9]{2}))?"
)
_LEAP_SECOND: Final = 60
_PLACEHOLDERS: Final = frozenset(
    """tbd tba todo n/a na none null unknown xxx ??? ... - fixme placeholder lorem insert_here undefined
    your_name_here changeme test foo bar""".split()
)
_TEXTS: Final = ("/title", "/description", "/intended_use", "/limitations", "/out_of_scope_use", "/risks", "/citation")


def seal(context: Context) -> Iterator[Problem]:
    """A stated digest of the manifest is the right one."""
    stated = context.manifest.get("manifest_digest")
    if stated is not None and stated != manifest_digest(context.manifest):
        yield at("CKP2020", "manifest_digest is not the digest of this manifest", pointer="/manifest_digest")


def provenance(context: Context) -> Iterator[Problem]:
    """Field sources speak of values that are there and have not changed since."""
    for index, entry in enumerate(context.manifest.get("field_sources", [])):
        here = f"/field_sources/{index}"
        missing = object()
        value = pointer.get(context.manifest, entry["pointer"], missing)
        if value is missing:
            yield at("CKP2021", f"there is no value at {entry['pointer']!r}", pointer=f"{here}/pointer")
        elif "value_digest" in entry and digest_json(value) != entry["value_digest"]:
            yield at(
                "CKP2022", f"the value at {entry['pointer']!r} was changed since: its source is stale", pointer=here
            )


def times(context: Context) -> Iterator[Problem]:
    """Dates exist in the calendar, come in order, and are not in the future."""
    yield from dated(context.manifest, ("/dates/*", "/evaluations/*/date", "/migrations/*/date"))
    dates = context.manifest["dates"]
    found = {name: moment for name in dates if (moment := moment_of(dates[name])) is not None}
    yield from _order(found)


def dated(document: Any, patterns: Sequence[str]) -> Iterator[Problem]:
    """Yield what is wrong with the times at some places of a document, each by itself."""
    for pattern in patterns:
        for place, text in expand(document, pattern):
            moment = moment_of(text)
            if moment is None:
                yield at("CKP2004", f"{text!r} is no date or time of RFC 3339", pointer=place)
            elif (moment - datetime.now(UTC)).days >= 1 and place != "/dates/available":
                yield at("CKP2006", f"{text!r} is in the future", pointer=place)


def _order(moments: Mapping[str, datetime]) -> Iterator[Problem]:
    if "trained" in moments and "published" in moments and moments["trained"] > moments["published"]:
        yield at("CKP2006", "it was published before it was trained", pointer="/dates/published")


def moment_of(text: str) -> datetime | None:
    """Return the moment of an RFC 3339 date or time, or ``None``."""
    match = _TIME.fullmatch(text)
    if match is None:
        return None
    try:
        year, month, day = (int(part) for part in match.group(1, 2, 3))
        hour, minute, second = (int(part or 0) for part in match.group(4, 5, 6))
        moment = datetime(year, month, day, hour, minute, min(second, 59), tzinfo=UTC)
        zone = match.group(7)
        if zone and zone != "Z":
            moment = moment - datetime.fromisoformat(f"2000-01-01T00:00:00{zone}").utcoffset()  # type: ignore[operator]
        is_leap = second == _LEAP_SECOND and (moment.hour, moment.minute) == (23, 59)
        return moment if second < _LEAP_SECOND or is_leap else None
    except (ValueError, OverflowError):  # no such day; or, in UTC, before the year 1 or after 9999
        return None


def identifiers(context: Context) -> Iterator[Problem]:
    """Identifiers have the shape and the check digits of their scheme."""
    for place, value in pointer.texts(context.words):
        scheme = "ror" if place.endswith("_ror") else place.rpartition("/")[2]
        if scheme in ("orcid", "ror") and (fault := fault_of(scheme, value)):
            yield at("CKP2001", fault, pointer=place)
    for pattern in (
        "/identifiers/*",
        "/related_identifiers/*",
        "/base_models/*/identifier",
        "/training/datasets/*/identifier",
    ):
        for place, entry in expand(context.manifest, pattern):
            if fault := fault_of(entry["scheme"], entry["value"]):
                yield at("CKP2001", fault, pointer=f"{place}/value")


def licences(context: Context) -> Iterator[Problem]:
    """Licences are expressions of SPDX."""
    for pattern in ("/license/*", "/files/*/license"):
        for place, text in expand(context.manifest, pattern):
            if fault := licence_fault(text):
                yield at("CKP2030", fault, pointer=place)


def placeholders(context: Context) -> Iterator[Problem]:
    """Texts for people say something."""
    for place in _TEXTS:
        value = pointer.get(context.manifest, place)
        if isinstance(value, str) and value.strip().lower().strip(".<>[](){} ") in _PLACEHOLDERS | {""}:
            yield at("CKP2003", f"{value!r} says nothing", pointer=place)


def evaluation(context: Context) -> Iterator[Problem]:
    """Metrics are in their range and intervals contain their value."""
    yield from evaluated(context.manifest.get("evaluations", []))


def evaluated(evaluations: Sequence[dict[str, Any]]) -> Iterator[Problem]:
    """Yield what is wrong with measured values, at places below ``/evaluations``."""
    terms = {term["id"]: term for term in resources.read_json("vocabularies/metrics.json")["terms"]}
    for index, entry in enumerate(evaluations):
        value, here = entry.get("value"), f"/evaluations/{index}"
        number = _number(value)
        if number is None:
            continue
        interval = entry.get("interval", {"lower": -math.inf, "upper": math.inf})
        if not interval["lower"] <= number <= interval["upper"] or ("interval" in entry and not math.isfinite(number)):
            message = f"the interval [{interval['lower']}, {interval['upper']}] does not contain {number}"
            yield at("CKP2005", message, pointer=f"{here}/interval")
        yield from _metric(terms.get(entry["metric"]["id"], {}), entry, number, here)


def _number(value: Any) -> float | None:
    """Return a number of an evaluation, tagged or not; one that is not finite lies in no interval."""
    if isinstance(value, dict):
        return float(value["$float"]) if "$float" in value else float(int(value["$int"])) if "$int" in value else None
    return None if isinstance(value, bool) or not isinstance(value, (int, float)) else float(value)


def _metric(term: dict[str, Any], entry: dict[str, Any], value: float, here: str) -> Iterator[Problem]:
    bounds = term.get("range", {})
    if bounds and not bounds.get("min", -math.inf) <= value <= bounds.get("max", math.inf):
        yield at("CKP2007", f"{entry['metric']['id']} cannot be {value}", pointer=f"{here}/value")
    direction = entry["metric"].get("direction")
    if direction and term.get("direction") and direction != term["direction"]:
        message = f"{entry['metric']['id']} is to {term['direction']}, not to {direction}"
        yield at("CKP2008", message, pointer=f"{here}/metric/direction")


def grade(context: Context) -> Iterator[Problem]:
    """The resume grade is the one that follows from the parts."""
    state = context.manifest.get("training_state", {})
    if "resume_grade" not in state:
        return
    derived = resume_grade({name: part["status"] for name, part in state.get("parts", {}).items()})
    if derived != state["resume_grade"]:
        message = f"resume_grade is {state['resume_grade']!r}, but {derived!r} follows from the parts"
        yield at("CKP2011", message, pointer="/training_state/resume_grade")


def references(context: Context) -> Iterator[Problem]:
    """Paths in the manifest name listed files; groups named are there; ids are unique."""
    listed = {record["path"] for record in context.manifest["files"]}
    for place, path in _paths(context.manifest, listed):
        if path not in listed:
            yield at("CKP2023", f"{path!r} is not listed in files", pointer=place)
    groups = [group["id"] for group in context.manifest["weights"].get("groups", [])]
    for index, group in enumerate(context.manifest["weights"].get("groups", [])):
        name, kind, here = group["id"], group["kind"], f"/weights/groups/{index}/id"
        if name in groups[:index]:
            yield at("CKP2024", f"the group {name!r} is there twice", pointer=here)
        if name.partition(".")[0] != kind:
            yield at("CKP2024", f"the id {name!r} must be {kind!r}, or {kind!r}, a dot and a key", pointer=here)
    for name, part in context.manifest.get("training_state", {}).get("parts", {}).items():
        if "group" in part and part["group"] not in groups:
            place = pointer.join(["training_state", "parts", name, "group"])
            yield at("CKP2023", f"there is no group {part['group']!r}", pointer=place)


def _paths(manifest: dict[str, Any], listed: set[str]) -> Iterator[tuple[str, str]]:
    """Yield every place that names a file of the checkpoint; of the tensors, those that name one not listed."""
    for index, path in enumerate(pointer.get(manifest, "/weights/inventory") or []):
        yield f"/weights/inventory/{index}", path
    yield from _named(manifest, "/training_state", "state_tree")
    yield from _named(manifest, "/model/implementation/source", "path")
    for place in ("/model/topology", "/weights/payload"):
        for index, _ in enumerate(pointer.get(manifest, place) or []):
            yield from _named(manifest, f"{place}/{index}", "path")
    for index, group in enumerate(pointer.get(manifest, "/weights/groups") or []):
        for number, path in enumerate(group["files"]):
            yield f"/weights/groups/{index}/files/{number}", path
        yield from _named(manifest, f"/weights/groups/{index}", "index")
    yield from _tensor_files(manifest, listed)
    for index, _ in enumerate(pointer.get(manifest, "/security/embedded_code") or []):
        yield from _named(manifest, f"/security/embedded_code/{index}", "path")
    for index, _ in enumerate(pointer.get(manifest, "/conversion/restore/originals") or []):
        yield from _named(manifest, f"/conversion/restore/originals/{index}", "residue")
        yield from _named(manifest, f"/conversion/restore/originals/{index}", "extents")
    yield from documents_in(manifest)
    for side in ("inputs", "outputs"):
        for index, _ in enumerate(manifest.get(side, [])):
            yield from _named(manifest, f"/{side}/{index}/feature_list", "path")
            for number, _ in enumerate(pointer.get(manifest, f"/{side}/{index}/preprocessing") or []):
                yield from _named(manifest, f"/{side}/{index}/preprocessing/{number}", "artifact")
    for index, _ in enumerate(pointer.get(manifest, "/verification/vectors") or []):
        yield from _named(manifest, f"/verification/vectors/{index}", "inputs")
        yield from _named(manifest, f"/verification/vectors/{index}", "outputs")


def _tensor_files(manifest: dict[str, Any], listed: set[str]) -> Iterator[tuple[str, str]]:
    """Yield each weights file that the inventory names without being listed, once: at the first tensor in it."""
    tensors: list[dict[str, Any]] = manifest["weights"].get("tensors", [])
    if {entry.get("file") for entry in tensors} <= listed:  # none is encoded or an alias, and all is well
        return
    seen = set(listed)
    for index, entry in enumerate(tensors):
        here = f"/weights/tensors/{index}"
        parts = entry.get("encoding", {}).get("parts", {})
        stored = [(pointer.join(["encoding", "parts", name, "file"]), part["file"]) for name, part in parts.items()]
        for place, path in [("/file", entry["file"])] if "file" in entry else stored:
            if path not in seen:
                seen.add(path)
                yield here + place, path


def _named(manifest: dict[str, Any], place: str, member: str) -> Iterator[tuple[str, str]]:
    value = pointer.get(manifest, f"{place}/{member}")
    if isinstance(value, str):
        yield f"{place}/{member}", value


RULES = (seal, provenance, times, identifiers, licences, placeholders, evaluation, grade, references)
