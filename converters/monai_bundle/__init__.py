"""MONAI bundles: a folder of ``configs/metadata.json``, ``models/model.pt`` and what describes them.

Layout: https://docs.monai.io/en/stable/mb_specification.html. The model is ``models/model.pt``, else ``model.ts``;
where both are there, the TorchScript file stays in the native bytes. ``metadata.json`` fills the manifest: name,
version, authors, data, networks' inputs and outputs, scores, versions; configurations, documents and licenses are kept.
Nothing that a configuration names is imported, and no schema is fetched.
"""

from __future__ import annotations

from candle_spec.conversion.contract import Card
from candle_spec.conversion.format_package import FormatPackage

CONVERTER = FormatPackage(
    __name__,
    name="monai_bundle",
    title="MONAI bundles (configs/metadata.json, models/model.pt)",
    suffixes=(),
    card=Card(
        family="MONAI",
        kept="weights; metadata: name, authors, inputs, outputs, classes, scores, versions; configurations, documents",
        not_kept="model.ts beside model.pt (only in the native bytes); code that configurations name",
        restore="byte for byte, the whole folder",
    ),
)
