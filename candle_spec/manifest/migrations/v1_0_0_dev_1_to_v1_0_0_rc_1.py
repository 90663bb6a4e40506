"""From 1.0.0-dev.1, which promised nothing, to 1.0.0-rc.1, from which on everything is read for good."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from candle_spec.manifest.changes import (
    AddHeader,
    AddUnpackedDigest,
    Change,
    MakeList,
    NameAnew,
    Remove,
    RemoveDigest,
    RemoveNowhere,
    Rename,
)
from candle_spec.manifest.code_changes import Describe, MarkCode, NameCode
from candle_spec.manifest.inventory_changes import CoverTensors, Recount, Refuse, RemoveUntrue

FROM: Final = "1.0.0-dev.1"
TO: Final = "1.0.0-rc.1"

_STARTS: Final = {
    "urn:candle-spec:schemas:": "https://w3id.org/candle-spec/schemas/",
    "urn:candle-spec:repositories:": "https://w3id.org/candle-spec/repositories/",
}

_PARAMETERS: Final = Recount(
    "/model/parameter_count",
    "/weights/groups/*",
    without=("BOOL", "STR", "BYTES", "STRUCT"),
    roles=("parameter",),
)
_INTEGERS: Final = ("U8", "I8", "U16", "I16", "U32", "I32", "U64", "I64", "I4", "U4", "I2", "U2")

_KINDS: Final = {
    r"layer .*\(Lambda\): Python bytecode": "lambda-layer",
    r"layer .*\(Lambda\): needs the function|the function ": "custom-function",
    r"layer .*: the class |the model's class ": "custom-class",
    r"operators of others: ": "custom-operator",
    r"TorchScript program: ": "torchscript",
    r"fx\.GraphModule: ": "graph-module",
    r"the graph touches files or runs other code: ": "graph-operator",
    r"compiled code of AOTInductor: ": "compiled",
    r"[0-9]+ source files, ": "source",
}
"""How the sentences of the writers of the old version begin."""
_CODE: Final = (
    r"(?is)(.*\.(pyx?|ipynb|r|rmd|jl|cc?|cpp|cuh?|java|js|lua|pl|rb|sh|bash|bat|cmd|ps1"
    r"|py[cod]|so|dll|dylib|exe|wasm|class|jar|pkl|pickle|joblib|dill|pth?|ckpt)"
    r"|(.*/)?(dockerfile(\.[^/]*)?|containerfile|makefile))"
)
"""Names of files of program code and pickles."""

_NO_CODE: Final = (
    *("code", "topology", "residue", "weights", "training-state"),
    *("index", "tensor-inventory", "state-tree", "extents"),
)
"""Roles that stay: what has them is named, or is no code whatever its first bytes look like."""


def _tensors(at: str) -> tuple[Change, ...]:
    """Tensors that were stored in a way in which they could not be read everywhere, or were read wrongly."""
    return (
        Refuse(f"{at}/*/dtype", "F128", "whether these floats have 80 or 128 bits was not said"),
        Refuse(f"{at}/*/dtype", "F4_E2M1", "these floats were stored as they are no longer"),
        Refuse(f"{at}/*/dtype", "QU[24]", "these integers were stored with bytes that are not theirs"),
        Refuse(
            f"{at}/*/encoding/params/fields/*/dtype",
            r"\((?!'[<|][^']*', ).*|>([fc](12|16|24|32)|V.*)",
            "the items of this field may stand in another byte order than it says",
        ),
    )


CHANGES: Final[Mapping[str, tuple[Change, ...]]] = {
    "checkpoint": (
        *_tensors("/weights/tensors"),
        Rename("/conformsTo", "conforms_to"),
        Rename("/identifier", "identifiers"),
        Rename("/base_model", "base_models"),
        Rename("/evaluation", "evaluations"),
        NameAnew("/conforms_to/*", _STARTS, (FROM, TO)),
        NameAnew("/extensions", _STARTS, (FROM, TO), keys=True),
        RemoveDigest("/model/implementation/source/sha256", listed="sha256"),
        Rename("/files/*/sha256", "digest"),
        AddHeader("/files/*", {"role": ("weights", "training-state"), "media_type": ("application/vnd.safetensors",)}),
        MakeList("/weights/inventory"),
        RemoveNowhere("/weights/groups/*/root", tree="/training_state/state_tree"),
        _PARAMETERS,
        CoverTensors(),
        RemoveUntrue("/model/precision", _PARAMETERS, _INTEGERS),
        Describe("/security/embedded_code/*", _KINDS, other="other"),
        NameCode("/security/embedded_code", {"role": "topology"}, _CODE, kind="torchscript"),
        MarkCode("/files/*", "code", _CODE, but=_NO_CODE),
        Rename("/conversion/native/files/*/sha256", "digest"),
        Remove("/conversion/proof/equal"),
        Remove("/conversion/restore/originals/*/residue_size"),
    ),
    "extents": (
        Rename("/sha256", "digest"),
        Rename("/residue/sha256", "digest"),
        AddUnpackedDigest("/residue"),
    ),
    "series": (),
    "series-intent": (),
    "state-tree": (),
    "tensors": _tensors("/tensors"),
}


def schema_id(name: str) -> str:
    """Return the identifier that a schema had."""
    return f"urn:candle-spec:schemas:{name.replace('/', ':')}:{FROM}"
