"""Callbacks: the training series from inside a training loop, one file per framework, one shared recorder.

>>> from candle_spec.callbacks import Settings                                           # doctest: +SKIP
>>> Checkpoints("out/ckpts", model, optimizer, settings=Settings(name="uno"))            # doctest: +SKIP

Each takes the folder of the series, the objects of its framework, ``params`` (when to save and what to keep) and
:class:`Settings`.
"""

from candle_spec.callbacks._recording.settings import Settings

__all__ = ["Settings"]
