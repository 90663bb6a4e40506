"""For authors of converters: the contract as a test class."""

from candle_spec.testing.contract import ConverterContract

__all__ = ["ConverterContract"]
