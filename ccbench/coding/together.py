"""Several blocks at a time."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

from ccbench.machine import cores


def together(call: Callable[[range], Any], groups: list[range], most: int | None = None) -> Iterator[Any]:
    """What ``call`` gives for each group, in order; ``most`` at a time (default: one for each core), and no more held."""
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
