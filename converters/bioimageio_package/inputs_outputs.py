"""Inputs, outputs and test tensors of a bioimage.io model.

Until 0.4 axes are letters (``bczyx``) with a shape; since 0.5 each axis is described. Sizes that refer to another axis
or depend on data have no place and are left open.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from candle_spec.conversion.contract import Field, Native, NativeFile, Source
from candle_spec.converters._shared import values
from candle_spec.converters._shared.documents import mapping, sequence
from candle_spec.converters._shared.folders.kept_files import keep_file
from candle_spec.converters.bioimageio_package.fields import stated_source

_LETTERS: Final = {"b": "batch", "c": "channel", "i": "index", "t": "time", "x": "x", "y": "y", "z": "z"}
_IMAGE: Final = frozenset("xyz")


def tensor_fields(about: Mapping[str, Any], origin: str) -> list[Field]:
    """Return the inputs and outputs."""
    found = values.Fields(origin)
    for side, steps in (("inputs", "preprocessing"), ("outputs", "postprocessing")):
        rows = [mapping(row) for row in sequence(about.get(side))][:1000]
        found.add(f"/{side}", [_tensor(row, number, steps) for number, row in enumerate(rows)], side)
    return found.fields


def _tensor(row: Mapping[str, Any], number: int, steps: str) -> dict[str, Any]:
    axes = _axes(row)
    spatial = {axis["name"] for axis in axes} & _IMAGE
    found: dict[str, Any] = {
        "id": values.name(row.get("id")) or values.name(row.get("name")) or f"tensor_{number}",
        "kind": "image" if len(spatial) > 1 else "tensor",
        "axes": axes,
    }
    if (description := values.text(row.get("description"))) is not None:
        found["description"] = description
    data = row.get("data")
    about = mapping(data[0] if isinstance(data, list) and data else data)
    dtype = values.dtype(about.get("type") or row.get("data_type"))
    limits = values.value_range(about.get("range") or row.get("data_range"))
    unit = values.name(about.get("unit"))
    found |= {key: value for key, value in (("dtype", dtype), ("range", limits)) if value}
    if unit and unit != "arbitrary unit":
        found["unit"] = unit
    if row.get("optional") is True:
        found["optional"] = True
    known = [_step(mapping(step)) for step in sequence(row.get(steps))][:100]
    return found | ({steps: [step for step in known if step]} if any(known) else {})


def _step(row: Mapping[str, Any]) -> dict[str, Any]:
    name = values.name(row.get("id")) or values.name(row.get("name"))
    params = values.json_value(mapping(row.get("kwargs")))
    return {} if name is None else {"name": name} | ({"params": params} if params else {})


def _axes(row: Mapping[str, Any]) -> list[dict[str, Any]]:
    stated = row.get("axes")
    if isinstance(stated, str):
        shape = row.get("shape")
        rows = mapping(shape)
        sizes = shape if isinstance(shape, list) else []
        least, step = sequence(rows.get("min")), sequence(rows.get("step"))
        return [
            _axis(_LETTERS.get(letter, letter), _at(sizes, n), _at(least, n), _at(step, n))
            for n, letter in enumerate(stated[:64])
            if letter.isprintable()
        ]
    found: list[dict[str, Any]] = []
    for item in sequence(stated)[:64]:
        about = mapping(item)
        name = values.name(about.get("id")) or values.name(about.get("type")) or "axis"
        size = about.get("size")
        rows = mapping(size)
        if about.get("type") == "channel" and isinstance(about.get("channel_names"), list):
            size = len(about["channel_names"])
        axis = _axis(name, size, rows.get("min"), rows.get("step"))
        if (unit := values.name(about.get("unit"))) is not None:
            axis["unit"] = unit
        found.append(axis)
    return found


def _at(sizes: list[Any], number: int) -> Any:
    return sizes[number] if number < len(sizes) else None


def _axis(name: str, size: Any, least: Any, step: Any) -> dict[str, Any]:
    axis: dict[str, Any] = {"name": name, "size": values.count(size)}
    if (smallest := values.count(least)) is not None and axis["size"] is None:
        axis["min"] = smallest
        steps = values.count(step)
        if steps:
            axis["step"] = steps
        elif steps == 0:
            axis["size"] = axis.pop("min")
    return axis


@dataclass(slots=True)
class Examples:
    """Files of example inputs and of the outputs expected for them."""

    inputs: list[NativeFile] = field(default_factory=list)
    outputs: list[NativeFile] = field(default_factory=list)


def example_tensors(source: Source, about: Mapping[str, Any]) -> Examples:
    """Return the test tensors that are in the package, each file once."""
    found = Examples()
    for side, files in (("inputs", found.inputs), ("outputs", found.outputs)):
        rows = [mapping(row).get("test_tensor") for row in sequence(about.get(side))]
        for stated in [*rows, *sequence(about.get(f"test_{side}"))]:
            place = stated_source(source, stated)
            for file in place.files if place is not None and len(place.files) == 1 else ():
                if all(file.path != known.path for known in (*found.inputs, *found.outputs)):
                    files.append(file)
    return found


def keep_samples(native: Native, found: Examples, about: Mapping[str, Any], origin: str) -> list[Field]:
    """Keep the test tensors; one input with one output is a vector for verification."""
    given = [keep_file(native, file, "sample-input", "samples") for file in found.inputs]
    expected = [keep_file(native, file, "expected-output", "samples") for file in found.outputs]
    if len(given) != 1 or len(expected) != 1:
        return []
    vector: dict[str, Any] = {"inputs": given[0], "outputs": expected[0]}
    config = mapping(mapping(about.get("config")).get("bioimageio"))
    stated = [mapping(row) for row in sequence(config.get("reproducibility_tolerance"))]
    row = stated[0] if len(stated) == 1 else {}
    relative, absolute = values.number(row.get("relative_tolerance")), values.number(row.get("absolute_tolerance"))
    if relative is not None and absolute is not None and min(relative, absolute) >= 0:
        vector["tolerance"] = {"rtol": relative, "atol": absolute}
    return [Field("/verification/vectors", [vector], "file", f"{origin}: test tensors")]
