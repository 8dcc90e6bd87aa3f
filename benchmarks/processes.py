"""What a process of its own costs an item of work: forked from one that has imported everything, beside others."""

from __future__ import annotations

import multiprocessing
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

from ccbench.executors import WorkItem
from ccbench.executors.local import LocalExecutor

HERE = Path(__file__).resolve().parents[1]
WARM = "ccbench.runner.heavy_training"


def _nothing(text: str) -> str:
    return text


def _waited(executor: LocalExecutor, text: str) -> None:
    executor.submit(WorkItem(text, f"{__name__}:_nothing", {"text": text}, warm=WARM))
    while not (ended := executor.wait(60)):
        pass
    if ended[0].status != "ok":
        raise RuntimeError(ended[0].reason)


def _medians(calls: dict[str, Callable[[], object]], rounds: int) -> dict[str, float]:
    """Median seconds of each, in turn; the first call of each is not counted."""
    times: dict[str, list[float]] = {name: [] for name in calls}
    for round_ in range(rounds + 1):
        for name, call in calls.items():
            started = time.perf_counter()
            call()
            if round_:
                times[name].append(time.perf_counter() - started)
    return {name: statistics.median(seconds) for name, seconds in times.items()}


def rows(rounds: str = "7") -> Iterator[dict[str, Any]]:
    """Seconds from handing an empty item over to having what it gave back."""
    executor, reused = LocalExecutor(jobs=1), ProcessPoolExecutor(1, multiprocessing.get_context("spawn"))
    fresh = [sys.executable, "-c", f"import {WARM}"]
    try:
        took = _medians(
            {
                "ours": lambda: _waited(executor, "x"),
                "spawned": lambda: subprocess.run(fresh, cwd=HERE, check=True),
                "reused": lambda: reused.submit(_nothing, "x").result(),
            },
            int(rounds),
        )
    finally:
        executor.close()
        reused.shutdown()
    for peer, note in (
        ("spawned", "peer: a new Python that imports the same"),
        ("reused", "peer: one process for all items, which leaves what an item did to it to the next"),
    ):
        yield {
            "name": "a process for an item",
            "ours": took["ours"],
            "peer": took[peer],
            "ratio": took[peer] / took["ours"],
            "unit": "s",
            "note": note,
        }
