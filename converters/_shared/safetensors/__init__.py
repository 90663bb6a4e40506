"""safetensors: its files and their index, which folders of Hugging Face hold as well."""

from __future__ import annotations

from typing import Final

INDEX_ENDING: Final = ".safetensors.index.json"
"""Ending of the file that says in which shard a tensor is."""
