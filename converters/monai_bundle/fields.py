"""Fields of the manifest from a MONAI bundle's ``metadata.json``.

Its schema: https://github.com/Project-MONAI/MONAI/blob/dev/monai/bundle/ (``meta_schema``), revisions 20220324 to
20240725. One string names all authors; sizes may be expressions such as ``16*n``, which have no place and are left out.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

from candle_spec.conversion.contract import Field
from candle_spec.converters._shared import values
from candle_spec.converters._shared.documents import mapping, sequence

_KINDS: Final = {"image": "image", "series": "sequence", "probabilities": "tensor", "tuples": "table"}
_NETWORK: Final = "network_data_format"
_SPACE: Final = ("x", "y", "z")


def metadata_fields(about: Mapping[str, Any], origin: str) -> list[Field]:
    """Return what the metadata says."""
    found = values.Fields(origin)
    found.add("/version", values.name(about.get("version")), "version")
    found.add("/description", values.text(about.get("description")), "description")
    found.add("/model/task", values.line(about.get("task")), "task")
    found.add("/model/framework/version", values.name(about.get("pytorch_version")), "pytorch_version")
    found.add("/creators", _authors(about.get("authors")), "authors")
    found.add("/contributors", _holder(about.get("copyright")), "copyright")
    found.add("/intended_use", values.text(about.get("intended_use")), "intended_use")
    found.add("/citation", _references(about), "references")
    found.add("/related_identifiers", _related(about), "references")
    found.add("/training/datasets", _data(about), "data_source")
    found.add("/environment/packages", _versions(about), "versions")
    found.add("/evaluations", _scores(about, origin), "eval_metrics")
    network = mapping(about.get(_NETWORK))
    found.add("/inputs", _tensors(network.get("inputs"), about.get("image_classes")), f"{_NETWORK}/inputs")
    found.add("/outputs", _outputs(network, about), f"{_NETWORK}/outputs")
    return found.fields


def _authors(stated: Any) -> list[dict[str, Any]]:
    """People of one string: separated by commas, semicolons or ``and``; a team stays one name."""
    names = (
        stated
        if isinstance(stated, list)
        else re.split(r"\s*[,;]\s*|\s+and\s+", stated)
        if isinstance(stated, str)
        else []
    )
    found = [values.person({"name": name}) for name in names]
    return [person for person in found if person][:1000]


def _holder(stated: Any) -> list[dict[str, Any]]:
    line = values.name(stated)
    match = re.sub(r"^(copyright|\(c\)|©|\s|[0-9]{4}(-[0-9]{4})?|,)+", "", line, flags=re.IGNORECASE) if line else ""
    name = values.name(match)
    return [{"name": name, "role": "RightsHolder"}] if name else []


def _references(about: Mapping[str, Any]) -> str | None:
    lines = [line for item in sequence(about.get("references")) if (line := values.line(item))]
    return values.text("\n".join(lines))


def _related(about: Mapping[str, Any]) -> list[dict[str, Any]]:
    dois = [doi for item in sequence(about.get("references")) if (doi := values.doi(item))]
    known = [values.identifier("doi", doi) for doi in dict.fromkeys(dois)]
    return [each | {"relation": "IsDescribedBy"} for each in known if each]


def _data(about: Mapping[str, Any]) -> list[dict[str, Any]]:
    source = values.line(about.get("data_source"))
    return [{"name": source, "role": "train"}] if source else []


def _versions(about: Mapping[str, Any]) -> dict[str, str]:
    stated = {
        "monai": about.get("monai_version"),
        "torch": about.get("pytorch_version"),
        "numpy": about.get("numpy_version"),
    }
    rows: dict[str, Any] = {}
    for key in ("optional_packages_version", "required_packages_version"):
        rows |= mapping(about.get(key))
    return values.versions(rows | {key: value for key, value in stated.items() if value})


def _scores(about: Mapping[str, Any], origin: str) -> list[dict[str, Any]]:
    """Scores of a known metric: ``mean_dice`` is the Dice coefficient, ``*_dice`` that of a class."""
    found: list[dict[str, Any]] = []
    for name, value in mapping(about.get("eval_metrics")).items():
        words = [
            word for word in re.split(r"[_\s]+", name.lower()) if word not in ("mean", "avg", "average", "val", "test")
        ]
        entry = values.evaluation(" ".join(words), value, origin) or values.evaluation(
            words[-1] if words else "", value, origin
        )
        if entry is not None:
            entry["metric"]["name"] = values.line(name) or entry["metric"]["id"]
            found.append(entry)
    return found


def _outputs(network: Mapping[str, Any], about: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Outputs, after the network's own processing where that is described."""
    found = _tensors(network.get("outputs"), about.get("pred_classes"))
    for row in found:
        row |= _labels(mapping(mapping(network.get("outputs")).get(row["id"])))
    after = mapping(network.get("post_processed_outputs"))
    for row in found:
        if row["id"] in after:
            row["postprocessing"] = [
                {"name": "post_processed_outputs", "params": values.json_value({row["id"]: after[row["id"]]})}
            ]
    return found


def _tensors(stated: Any, description: Any) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    for name, about in list(mapping(stated).items())[:1000]:
        known = values.name(name)
        if known is not None and isinstance(about, dict):
            found.append({"id": known} | _tensor(about, values.text(description)))
    return found


def _tensor(about: Mapping[str, Any], description: str | None) -> dict[str, Any]:
    row: dict[str, Any] = {"kind": _KINDS.get(str(about.get("type")), "tensor")}
    if description:
        row["description"] = description
    dtype = values.dtype(about.get("dtype"))
    if dtype:
        row["dtype"] = dtype
    row["axes"] = _axes(about)
    limits = values.value_range(about.get("value_range"))
    if limits:
        row["range"] = limits
    unit = {"hounsfield": "HU"}.get(str(about.get("format")))
    if unit:
        row["unit"] = unit
    return row


def _axes(about: Mapping[str, Any]) -> list[dict[str, Any]]:
    axes: list[dict[str, Any]] = [{"name": "batch", "size": None}]
    channels = values.count(about.get("num_channels"))
    axes.append({"name": "channel", "size": channels})
    sizes = sequence(about.get("spatial_shape"))[:3]
    return axes + [{"name": name, "size": values.count(size)} for name, size in zip(_SPACE, sizes, strict=False)]


def _labels(about: Mapping[str, Any]) -> dict[str, Any]:
    """The classes that the channels of a segmentation stand for."""
    if about.get("format") not in ("segmentation", "labels", "classes"):
        return {}
    rows = mapping(about.get("channel_def")).items()
    labels = [
        {"value": int(key), "name": name}
        for key, item in rows
        if key.isascii() and key.isdigit() and len(key) < 9 and (name := values.line(item))
    ]
    return {"labels": labels[:10_000]} if labels else {}
