"""Archives: ``.tar``, ``.tar.gz``, ``.tgz``, ``.tar.bz2``, ``.tar.xz``, ``.zip`` around a native checkpoint, and single
files packed by gzip, bzip2 or xz.

The archive is unpacked into a temporary folder, within bounds, without links and devices; what is inside is read by its
own converter, a single top folder left out. Tensors that stand in the archive as they are (tar, stored entries of zip)
are found there again, so that the native bytes take little room; of a packed archive all bytes are kept beside the
tensors. Small descriptions beside a single file (README, LICENSE, JSON) are kept.

Refused: several independent checkpoints in one archive, devices, names that leave it, bombs, encryption.
"""

from __future__ import annotations

import re
from typing import Final

from candle_spec.conversion.contract import Card
from candle_spec.conversion.format_package import FormatPackage

ENDINGS: Final = re.compile(r"(\.(tar|tgz|tbz2|txz|gz|bz2|xz|zip|whl))+\Z", re.IGNORECASE)
"""Usual endings of an archive's name, as many as there are."""
TITLES: Final = {"tar.gzip": "tar.gz", "tar.bzip2": "tar.bz2", "gzip": "gz", "bzip2": "bz2"}
"""Kinds whose files are called otherwise."""

CONVERTER = FormatPackage(
    __name__,
    name="archive",
    title="Archives of a checkpoint (.tar, .tar.gz, .tgz, .tar.bz2, .tar.xz, .zip; .gz, .bz2, .xz of one file)",
    suffixes=(".tar", ".tgz", ".gz", ".bz2", ".xz", ".zip"),
    card=Card(
        family="Archives",
        kept="what the converter of the checkpoint inside keeps; descriptions beside it",
        not_kept="links. Refused: several checkpoints in one archive, devices, paths out of it, encryption",
        restore="byte for byte; of packed archives all bytes are kept beside the tensors",
    ),
)
