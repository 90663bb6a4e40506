"""Small checkpoints of Hugging Face, to be damaged: the file that is damaged, and what writes it."""

from __future__ import annotations

from pathlib import Path

from tests.helpers.native.small import safetensors_file


def described(folder: Path) -> None:
    safetensors_file(folder / "model.safetensors")
    (folder / "config.json").write_text(
        '{"architectures": ["Bert"], "model_type": "bert", "id2label": {"0": "normal"}, "transformers_version": "4.41"}'
    )


def with_card(folder: Path) -> None:
    described(folder)
    (folder / "README.md").write_text(
        "---\nlicense: mit\ntags: [a, on]\nmodel-index:\n- name: M\n  results:\n  - task: {type: t}\n"
        "    dataset: {name: d, type: d}\n    metrics:\n    - {type: accuracy, value: 0.9}\n---\n# M\n\nText.\n"
    )


FUZZED = {"huggingface-config": ("config.json", described), "huggingface-card": ("README.md", with_card)}
