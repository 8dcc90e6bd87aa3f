"""Several blocks at a time."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

from ccbench.machine import cores


def together(call: Callable[[range], Any], groups: list[range], most: int | None = None) -> Iterator[Any]:
    """What a call gives for each group, in order.

    Args:
        call: done in threads.
        groups: what it is given.
        most: at a time, and held; None: as many as there are cores.
    """
    many = min(most or cores(), len(groups))
    if many < 2:
        yield from map(call, groups)
        return
    with ThreadPoolExecutor(many) as pool:
        waiting: deque[Future[Any]] = deque(pool.submit(call, group) for group in groups[:many])
        for group in groups[many:]:
            result = waiting.popleft().result()
            waiting.append(pool.submit(call, group))
            yield result
        while waiting:
            yield waiting.popleft().result()
