"""A training that counts: the smallest state there is, recorded without a framework."""

from __future__ import annotations

from contextlib import contextmanager

import numpy as np

from candle_spec.callbacks._recording.adapter import Restored, RestoredPart, Snapshot
from candle_spec.callbacks._recording.loop import Loop
from candle_spec.callbacks._recording.recorder import Recorder
from candle_spec.callbacks._recording.settings import Settings
from candle_spec.callbacks._states.structure import capture, restored
from candle_spec.checkpoint.contents import Contents, Framework, StatePart


class Counter:
    framework = Framework("numpy", "2")

    def __init__(self, inside: bool = False):
        self.weights = np.zeros(4)
        self.resumes_inside_epoch = inside

    def capture(self, extra, *, inside_epoch=False):
        captured = capture({"model": {"w": self.weights}, **extra}, lambda value, location: None)
        parts = {"sampler": StatePart("partial", "inside an epoch")} if inside_epoch else {}
        return Snapshot(
            Contents(self.framework, captured.groups, captured.tensors, captured.state, parts),
        )

    def restore(self, checkpoint, *, weights_only=False):
        structure = restored(checkpoint)
        self.weights[:] = checkpoint.state_dict()["w"]
        return Restored((RestoredPart("model", True),), {k: v for k, v in structure.items() if k != "model"})


class Clock:
    def __init__(self):
        self.now = 0.0

    def __call__(self):
        return self.now


def recorder(folder, lines=None, *, adapter=None, rank=0, clock=None, **params):
    say = lines.append if lines is not None else (lambda line: None)
    settings = Settings(say=say, rank=rank, clock=clock or Clock())
    return Recorder.of(adapter or Counter(), folder, {"ckpt_save_interval": 1, **params}, settings)


@contextmanager
def recording(made):
    """Start a recorder, and close it as the callbacks do."""
    try:
        yield made.start()
    except BaseException:
        made.close(failed=True)
        raise
    made.close()


def loop(folder, **more):
    adapter = more.pop("adapter", None) or Counter()
    return adapter, Loop(recorder(folder, adapter=adapter, **more))
