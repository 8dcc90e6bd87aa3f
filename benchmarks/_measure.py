"""Medians and ratios of two things measured in turn, so that a noisy machine is noisy for both."""

from __future__ import annotations

import statistics
import subprocess
import sys
import time
from collections.abc import Callable


def paired(ours: Callable[[], object], peer: Callable[[], object], rounds: int = 5) -> tuple[float, float]:
    """Median seconds of both, called alternately; the first call of each is not counted."""
    ours()
    peer()
    times: tuple[list[float], list[float]] = ([], [])
    for _ in range(rounds):
        for call, into in zip((ours, peer), times, strict=True):
            started = time.perf_counter()
            call()
            into.append(time.perf_counter() - started)
    return statistics.median(times[0]), statistics.median(times[1])


def python(*arguments: str) -> Callable[[], object]:
    """A call that runs this Python with some arguments and drops its output."""
    return lambda: subprocess.run([sys.executable, *arguments], check=True, capture_output=True)
