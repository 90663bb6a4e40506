"""Corpus checkpoints that are not like the others, and why: the only exceptions that the table and the tests accept."""

from __future__ import annotations

from typing import Final

RESIDUE_SHARE: Final = 0.05
"""Largest residue, as a share of the tensor (or payload) bytes."""

PAYLOADS: Final = ("tflite", "coreml", "xgboost", "lightgbm")
"""Frameworks whose native file is itself the model: compared as files."""

_TINY: Final = "tiny: the file's own structure weighs more than a twentieth of its tensors"

EXPLAINED: Final = {
    "bacphlip-rf-best": "records of trees are stored field by field; as they stand in the file they stay there too",
    "genomad-score-calibration-weights": _TINY,
    "m6anet-norm-factors-hct116": _TINY,
    "mmsplice-linear-model": _TINY,
    "mmsplice-pathogenicity": _TINY,
    "mmsplice-splicing-efficiency": _TINY,
    "lpips-alex": _TINY,
    "lpips-squeeze": _TINY,
    "lpips-vgg": _TINY,
    "lpips-v0-0-squeeze": _TINY,
    "lpips-v0-0-vgg": _TINY,
    "lpips-v0-1-alex": _TINY,
    "mmsplice-acceptor": _TINY,
    "mmsplice-exon": _TINY,
    "mmsplice-exon-prime3": _TINY,
    **{
        f"medaka-r1041-e82-400bps-{name}-model-pt-tar": "compressed: packing the same content again gives other bytes"
        for name in ("hac-v6-0-0", "hac-variant-v5-0-0", "sup-v5-2-0", "sup-variant-v5-0-0")
    },
    **{f"mmsplice-mtsplice{number}": _TINY for number in range(8)},
}
"""Whose residue is larger than 5 % of the tensor bytes."""

OWN_TENSORS: Final = {
    "tensorflow": "the checkpoint reader gives variables; large constants of the graph come on top",
    "silero-vad": "torch.jit gives parameters and buffers; tensors among the program's constants come on top",
}
"""Checkpoints or frameworks of which the converter finds more tensors than the native loader gives."""
