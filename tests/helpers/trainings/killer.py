"""What the small trainings share: how long they are, what kills them, and the digest of where they end."""

import hashlib
import os
import signal

BATCHES = 4
EPOCHS = 4


class Killer:
    """Counts steps and kills the process at one of them, as the system would: nothing is cleaned up."""

    def __init__(self, at: int):
        self.left = at

    def step(self) -> None:
        self.left -= 1
        if self.left == 0:
            os.kill(os.getpid(), signal.SIGKILL)


def digest(arrays) -> str:
    state = hashlib.sha256()
    for array in arrays:
        state.update(array if isinstance(array, bytes) else array.tobytes())
    return state.hexdigest()
