"""The log of the store: what it did by itself that a user should know."""

from __future__ import annotations

import logging
from typing import Final

log: Final = logging.getLogger("candle_spec.series")
