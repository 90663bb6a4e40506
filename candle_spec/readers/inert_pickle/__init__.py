"""Read pickles without running them: a machine that builds inert records of what a pickle would have done."""

from candle_spec.readers.inert_pickle.load import Loaded, load
from candle_spec.readers.inert_pickle.machine import Embedded
from candle_spec.readers.inert_pickle.nodes import Call, Global, Mapping, Persistent, SetNode, Span, bytes_of_old

__all__ = ["Call", "Embedded", "Global", "Loaded", "Mapping", "Persistent", "SetNode", "Span", "bytes_of_old", "load"]
