"""Where work items run. An executor takes items and gives back what became of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from ccbench.executors.sealing import Seal
from ccbench.offers.hookspecs import hookimpl
from ccbench.offers.specs import ExecutorSpec

HEAVY = "ccbench.runner.heavy"  # imports what all work needs, see WorkItem.warm
TRAINING = "ccbench.runner.heavy_training"  # and what trainings need


@dataclass(frozen=True)
class WorkItem:
    """One unit of work: plain data, so that it can travel to another machine.

    Attributes:
        id: unique within a run.
        function: ``"module:attribute"`` that is called with ``payload``.
        payload: JSON-able keyword arguments.
        timeout: seconds after which it is killed, or None.
        fresh: whether it must have a process of its own, with all the memory there is, as after running out of its
            share.
        what: what is done and by whom, in words that follow "while", for whoever reads that it ended badly.
        warm: a module that imports what the item will need; an executor may import it once for many items.
        seal: what it may see; only executors whose spec says ``seals`` are given one.
        gpu: whether it may compute on one; an item that may not needs none to be free, and has its share of memory.
    """

    id: str
    function: str
    payload: Mapping[str, Any] = field(default_factory=dict)
    timeout: float | None = None
    fresh: bool = False
    what: str = ""
    warm: str = ""
    seal: Seal | None = None
    gpu: bool = True


@dataclass(frozen=True)
class Finished:
    """What became of an item.

    Attributes:
        status: ``ok``, ``failed``, ``timeout``, ``oom`` or ``skipped``.
        reason: one line, empty for ok.
        value: what the function returned, for ok.
        log: a traceback or other detail.
    """

    id: str
    status: str
    reason: str = ""
    value: Any = None
    log: str = ""


class Executor(Protocol):
    """What ``ccbench run`` needs of a place to run; Ray and SLURM implement the same five methods."""

    def __init__(self, *, jobs: int, memory_limit: int | None, threads: int) -> None:
        """``jobs`` items at a time, ``threads`` threads for each; ``memory_limit`` bytes for each, or None."""

    @property
    def capacity(self) -> int:
        """How many items can run at the same time."""

    def submit(self, item: WorkItem) -> None:
        """Start an item, or queue it."""

    def wait(self, seconds: float) -> list[Finished]:
        """Items that have ended since the last call; returns after ``seconds`` at the latest."""

    def running(self) -> list[str]:
        """Ids of the items that are being worked on now."""

    def close(self, *, cancel: bool = False) -> None:
        """Give everything back; ``cancel`` stops what is running."""


@hookimpl
def ccbench_executors() -> list[ExecutorSpec]:
    """The executor that needs nothing but this machine."""
    return [
        ExecutorSpec(
            name="local",
            target="ccbench.executors.local:LocalExecutor",
            version="1",
            summary="processes on this machine, one GPU each where there are GPUs, killed at their time limit",
            seals=True,
        )
    ]
