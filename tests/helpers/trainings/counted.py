"""Run a program and count what it really trains: epochs of Keras, optimizer steps of PyTorch.

python counted.py COUNTS.json PROGRAM ARGUMENTS...
"""

import json
import runpy
import sys
from pathlib import Path

counts = {"epochs": [], "steps": 0}


def watch_keras() -> None:
    import keras

    class Counter(keras.callbacks.Callback):
        def on_epoch_begin(self, epoch, logs=None):
            counts["epochs"].append(epoch)

        def on_train_batch_begin(self, batch, logs=None):
            counts["steps"] += 1

    fit = keras.Model.fit
    keras.Model.fit = lambda self, *a, callbacks=(), **k: fit(self, *a, callbacks=[*callbacks, Counter()], **k)


def watch_torch() -> None:
    import torch

    step = torch.optim.SGD.step

    def counted(self, *arguments, **keywords):
        counts["steps"] += 1
        return step(self, *arguments, **keywords)

    torch.optim.SGD.step = counted


output, program = Path(sys.argv[1]), sys.argv[2]
(watch_keras if "keras" in program else watch_torch)()
sys.argv = sys.argv[2:]
sys.path.insert(0, str(Path(program).parent))
try:
    runpy.run_path(program, run_name="__main__")
finally:
    output.write_text(json.dumps(counts))
