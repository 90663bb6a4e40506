"""The processes of a training as threads: messages without a network, and a death that the others notice."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

from candle_spec.errors import CandleSpecError


class Hub:
    """What the processes of one team share."""

    def __init__(self, size: int) -> None:
        self.size = size
        self.barrier = threading.Barrier(size)
        self.values: list[Any] = [None] * size


class ThreadTeam:
    """One process of a team."""

    def __init__(self, hub: Hub, rank: int) -> None:
        self.hub, self.rank, self.size = hub, rank, hub.size

    def gather(self, value: Any) -> list[Any]:
        self.hub.values[self.rank] = value
        self.hub.barrier.wait(60)
        rows = list(self.hub.values)
        self.hub.barrier.wait(60)
        return rows

    def share(self, value: Any) -> Any:
        return self.gather(value)[0]


def together(size: int, work: Callable[[ThreadTeam], Any]) -> list[Any]:
    """Run the same in all processes; return the result of each, or what ended it."""
    hub = Hub(size)
    results: list[Any] = [None] * size

    def run(rank: int) -> None:
        try:
            results[rank] = work(ThreadTeam(hub, rank))
        except BaseException as error:  # noqa: BLE001 - the result of this process
            results[rank] = error
            if not isinstance(error, CandleSpecError):
                hub.barrier.abort()  # a process that is gone breaks the messages of the others

    threads = [threading.Thread(target=run, args=(rank,)) for rank in range(size)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
    return results
