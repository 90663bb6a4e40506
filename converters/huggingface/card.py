"""A Hugging Face model card: YAML front matter and the sections of its text, as fields of the manifest.

Fields: https://github.com/huggingface/hub-docs/blob/main/modelcard.md. Licenses are ids of the Hub, which are not those
of SPDX. Nothing is checked at the Hub; what has no place in the manifest is in the card, which is kept.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

from candle_spec import limits
from candle_spec.conversion.contract import Field, NativeFile
from candle_spec.converters._shared import values
from candle_spec.converters._shared.documents import mapping, read_text, sequence
from candle_spec.errors import LimitExceededError
from candle_spec.manifest.yaml import load_yaml

_SPDX: Final = {
    word.lower(): word
    for word in """Apache-2.0 MIT BSD-2-Clause BSD-3-Clause BSD-3-Clause-Clear CC0-1.0 CC-BY-2.0 CC-BY-2.5 CC-BY-3.0
    CC-BY-4.0 CC-BY-SA-3.0 CC-BY-SA-4.0 CC-BY-NC-2.0 CC-BY-NC-3.0 CC-BY-NC-4.0 CC-BY-ND-4.0 CC-BY-NC-ND-3.0
    CC-BY-NC-ND-4.0 CC-BY-NC-SA-2.0 CC-BY-NC-SA-3.0 CC-BY-NC-SA-4.0 AFL-3.0 Artistic-2.0 BSL-1.0 ECL-2.0 EPL-1.0 EPL-2.0
    EUPL-1.1 EUPL-1.2 ISC LPPL-1.3c MPL-2.0 MS-PL NCSA ODbL-1.0 OFL-1.1 OSL-3.0 PostgreSQL Unlicense WTFPL Zlib
    GPL-2.0 GPL-3.0 LGPL-2.1 LGPL-3.0 AGPL-3.0 CDLA-Permissive-1.0 CDLA-Permissive-2.0 CDLA-Sharing-1.0""".split()
}
_RELATIONS: Final = frozenset({"finetune", "adapter", "merge", "quantized"})
_EMPTY: Final = re.compile(r"\[?\s*(more information needed|\{\{.*\}\})\s*\]?", re.IGNORECASE)
_SECTIONS: Final = (
    ("/out_of_scope_use", re.compile(r"out.of.scope( use| uses)?", re.IGNORECASE)),
    (
        "/intended_use",
        re.compile(r"(direct |intended )uses?( & limitations)?|uses?|primary intended uses?", re.IGNORECASE),
    ),
    ("/limitations", re.compile(r"(known )?limitations?( and biase?s?)?|bias, risks,? and limitations", re.IGNORECASE)),
    ("/citation", re.compile(r"citation( info(rmation)?)?|bibtex|citing.*|how to cite", re.IGNORECASE)),
)


def front_matter(file: NativeFile) -> tuple[dict[str, Any], str]:
    """Return the front matter and the text of a card.

    Raises:
        CorruptFileError: The front matter is no YAML.
    """
    text = read_text(file).replace("\r\n", "\n")
    match = re.match(r"---[ \t]*\n(.*?)\n---[ \t]*(\n|\Z)", text, re.DOTALL)
    if match is None:
        return {}, text
    if len(match[1]) > limits.YAML_BYTES:
        raise LimitExceededError(f"front matter of {len(match[1])} characters", location=file.name)
    value = load_yaml(match[1].encode(), location=file.name, lenient=True)[0] if match[1].strip() else {}
    return mapping(value), text[match.end() :]


def card_fields(about: Mapping[str, Any], text: str, origin: str) -> list[Field]:
    """Return what a card says.

    Args:
        about: Its front matter.
        text: Its text.
        origin: Its name.
    """
    found = values.Fields(origin)
    found.add("/license/weights", license_of(about), "license")
    found.add("/model/task", values.line(about.get("pipeline_tag")), "pipeline_tag")
    found.add("/keywords", values.names(about.get("tags", [])), "tags")
    found.add("/training/datasets", _datasets(about), "datasets")
    found.add("/base_models", _base_models(about), "base_model")
    found.add("/training/compute", _compute(about), "co2_eq_emissions")
    newer = values.identifier("hf", about.get("new_version"))
    found.add("/related_identifiers", [newer | {"relation": "IsPreviousVersionOf"}] if newer else None, "new_version")
    found.add("/evaluations", list(_results(about, origin))[:10_000], "model-index")
    written = values.Fields(origin, "inferred")
    sections = _sections(text)
    written.add("/description", values.text(_paragraph(text)), "first paragraph")
    for pointer, pattern in _SECTIONS:
        for heading, body in sections:
            if pattern.fullmatch(heading) and not _EMPTY.fullmatch(body.strip()):
                written.add(pointer, values.text(_unfenced(body)), f"section {heading}")
    return [*found.fields, *written.fields]


def license_of(about: Mapping[str, Any]) -> str | None:
    """Return the license as an SPDX expression; one that is not in the list of SPDX is a ``LicenseRef``."""
    word = about.get("license")
    word = word[0] if isinstance(word, list) and len(word) == 1 else word
    if not isinstance(word, str) or word in ("unknown", ""):
        return None
    if word == "other":
        word = about.get("license_name") if isinstance(about.get("license_name"), str) else None
    if word is None:
        return None
    known = _SPDX.get(word.lower())
    return known or values.spdx("LicenseRef-" + re.sub(r"[^A-Za-z0-9.-]+", "-", word).strip("-"))


def names(about: Mapping[str, Any], text: str, origin: str) -> list[tuple[Any, str]]:
    """Return what may be the model's name, with the place where it stands."""
    index = [mapping(row).get("name") for row in sequence(about.get("model-index"))]
    heading = re.search(r"^#[ \t]+(.+?)[ \t]*#*$", text, re.MULTILINE)
    title = re.sub(r"^Model Card (for|of)\s+", "", heading[1]) if heading else None
    found = [(index[0], f"{origin}: model-index")] if len(index) == 1 else []
    usual = title is None or re.search(r"model id|[{}<>\[\]]|model_id", title, re.IGNORECASE)
    return found if usual else [*found, (title, f"{origin}: heading")]


def _datasets(about: Mapping[str, Any]) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    for name in values.names(about.get("datasets", []), 1000) or []:
        known = values.identifier("hf", f"datasets/{name}")
        found.append({"name": name, "role": "train"} | ({"identifier": known} if known else {}))
    return found


def _base_models(about: Mapping[str, Any]) -> list[dict[str, Any]]:
    relation = about.get("base_model_relation")
    if relation not in _RELATIONS:
        relation = "adapter" if about.get("library_name") == "peft" else "finetune"
    known = [values.identifier("hf", name) for name in values.names(about.get("base_model", [])) or []]
    return [{"identifier": each, "relation": relation} for each in known if each]


def _compute(about: Mapping[str, Any]) -> dict[str, Any]:
    stated = about.get("co2_eq_emissions")
    rows = stated if isinstance(stated, dict) else {"emissions": stated}
    found: dict[str, Any] = {}
    grams = values.number(rows.get("emissions"))
    if grams is not None:
        found["emissions"] = {"value": grams, "unit": "g CO2e"}
    for key, stated_key in (("hardware", "hardware_used"), ("site", "geographical_location")):
        if (value := values.line(rows.get(stated_key))) is not None:
            found[key] = value
    return found


def _results(about: Mapping[str, Any], origin: str) -> Iterator[dict[str, Any]]:
    """Yield the results whose metric is a known one; those in percent are not turned into shares: nobody says so."""
    for model in sequence(about.get("model-index")):
        for result in sequence(mapping(model).get("results")):
            dataset = mapping(mapping(result).get("dataset"))
            task = mapping(mapping(result).get("task"))
            for metric in sequence(mapping(result).get("metrics")):
                row = mapping(metric)
                entry = values.evaluation(
                    row.get("type"),
                    row.get("value"),
                    origin,
                    dataset=values.line(dataset.get("name")),
                    split=values.name(dataset.get("split")),
                    target=values.line(task.get("name")),
                )
                if entry is not None:
                    yield entry


def _sections(text: str) -> list[tuple[str, str]]:
    """Return the headings of a Markdown text, and what stands below each until the next."""
    found: list[tuple[str, list[str]]] = []
    fenced = False
    for line in text.split("\n"):
        fenced ^= line.startswith("```")
        heading = None if fenced else re.match(r"#{1,6}[ \t]+(.+?)[ \t]*#*\Z", line)
        if heading:
            found.append((re.sub(r"[*_`:]", "", heading[1]).strip(), []))
        elif found and not line.startswith("<!--"):
            found[-1][1].append(line)
    return [(heading, "\n".join(lines).strip()) for heading, lines in found]


def _unfenced(body: str) -> str:
    """The content of a text that is one block of code, as citations are."""
    match = re.search(r"```[^\n]*\n(.*?)\n```", body, re.DOTALL)
    return match[1] if match else body


def _paragraph(text: str) -> str | None:
    """Return the first paragraph that is neither a heading nor a table, a list, an image or a comment."""
    for block in re.split(r"\n\s*\n", re.sub(r"<!--.*?-->", "", text, flags=re.DOTALL)):
        lines = [line for line in block.strip().split("\n") if not line.startswith("#")]
        joined = " ".join(line.strip() for line in lines).strip()
        if len(joined) > 30 and not re.match(r"[-*|>!\[<`{]", joined) and not _EMPTY.fullmatch(joined):
            return joined
    return None
