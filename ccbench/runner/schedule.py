"""The order of work: compress once, then train every cell that waits for the artifact."""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from ccbench.executors import Executor, Finished, WorkItem
from ccbench.records.cells import Cell
from ccbench.records.facts import Compressed


@dataclass
class Artifact:
    """One compressed dataset and the cells that train on it.

    Attributes:
        path: the ``.ccb`` file.
        group: artifacts of one group share stages; the first goes alone, so that no worker waits for a lock.
        compress: the item that makes it, or None where the file is there.
        cells: what to train once it is there.
        facts: what is known of the file, where it is there.
        prepare: shares of the compression that several workers do before it, each on its own.
        measure: gives the item that measures the file, from what the making gave back.
        own: the folder that a sealed compression has for itself, which goes when that has ended.
    """

    path: Path
    group: Any
    compress: WorkItem | None = None
    cells: list[Cell] = field(default_factory=list)
    facts: Compressed | None = None
    prepare: list[WorkItem] = field(default_factory=list)
    measure: Callable[[Any], WorkItem] | None = None
    own: Path | None = None


@dataclass(frozen=True)
class ArtifactEnded:
    """A compression has ended, well and measured, or not well."""

    artifact: Artifact
    finished: Finished


@dataclass(frozen=True)
class CellEnded:
    """A cell has ended: by its training, or because its artifact could not be made."""

    artifact: Artifact
    cell: Cell
    finished: Finished


Event = ArtifactEnded | CellEnded


@dataclass(frozen=True)
class Doing:
    """What is being worked on.

    Attributes:
        cell: the cell that is trained, or None where the artifact is made.
    """

    artifact: Artifact
    cell: Cell | None
    item: WorkItem


class Scheduler:
    """Feeds an executor and yields what becomes of every cell.

    Args:
        executor: where items run.
        artifacts: what there is to do.
        evaluate: makes the training item of a cell; ``micro_batch`` is None at first.
        smaller_batch: the micro-batch to try once after running out of memory.
        starting: hears the id of an item before it is submitted, and again before it is tried once more.
    """

    def __init__(
        self,
        executor: Executor,
        artifacts: list[Artifact],
        evaluate: Callable[[Cell, Artifact, int | None], WorkItem],
        smaller_batch: Callable[[Cell], int],
        starting: Callable[[str], None] = lambda item: None,
    ) -> None:
        self.executor, self.evaluate, self.smaller_batch = executor, evaluate, smaller_batch
        self.starting = starting
        self._compress: deque[tuple[Artifact, WorkItem]] = deque()
        self._measure: deque[tuple[Artifact, WorkItem]] = deque()
        self._train: deque[tuple[Cell, Artifact]] = deque()
        self._open: dict[str, Doing] = {}
        self._held: dict[Any, list[Artifact]] = defaultdict(list)
        self._shares: dict[str, int] = {}  # by artifact, how many shares of its work are still out
        leaders = set()
        for artifact in artifacts:
            if artifact.compress is None:
                self._train.extend((cell, artifact) for cell in artifact.cells)
            elif artifact.group is not None and artifact.group in leaders:
                self._held[artifact.group].append(artifact)
            else:
                leaders.add(artifact.group)
                self._queue(artifact)

    def step(self, seconds: float) -> list[Event] | None:
        """What ended within some seconds, or None when nothing is left."""
        self._fill()
        if not self._open:
            return None
        return [event for finished in self.executor.wait(seconds) for event in self._ended(finished)]

    def running(self) -> dict[str, Doing]:
        """What is being worked on, by item id."""
        return {i: self._open[i] for i in self.executor.running() if i in self._open}

    def _fill(self) -> None:
        """Keep the executor busy; trainings before compressions, since they finish cells."""
        while len(self._open) < self.executor.capacity and (self._measure or self._train or self._compress):
            if self._measure:
                artifact, item = self._measure.popleft()
                self._submit(artifact, None, item)
            elif self._train:
                cell, artifact = self._train.popleft()
                self._submit(artifact, cell, self.evaluate(cell, artifact, None))
            else:
                artifact, item = self._compress.popleft()
                self._submit(artifact, None, item)

    def _queue(self, artifact: Artifact) -> None:
        """The next thing to do for an artifact: its shares where there are some, otherwise the compression."""
        assert artifact.compress is not None
        if artifact.prepare and artifact.path.name not in self._shares:
            self._shares[artifact.path.name] = len(artifact.prepare)
            self._compress.extend((artifact, share) for share in artifact.prepare)
        else:
            self._compress.append((artifact, artifact.compress))

    def _submit(self, artifact: Artifact, cell: Cell | None, item: WorkItem) -> None:
        self._open[item.id] = Doing(artifact, cell, item)
        self.starting(item.id)
        self.executor.submit(item)

    def _ended(self, finished: Finished) -> list[Event]:
        done = self._open.pop(finished.id)
        artifact, cell, item = done.artifact, done.cell, done.item
        if finished.status == "oom" and not item.fresh:  # once more, in a process of its own
            again = item if cell is None else self.evaluate(cell, artifact, self.smaller_batch(cell))
            self._submit(artifact, cell, replace(again, fresh=True))
            return []
        if cell is not None:
            return [CellEnded(artifact, cell, finished)]
        if item in artifact.prepare:  # what it failed at is made later
            self._shares[artifact.path.name] -= 1
            if not self._shares[artifact.path.name]:
                self._queue(artifact)
            return []
        compressed = artifact.compress is not None and item.id == artifact.compress.id
        if compressed:
            for held in self._held.pop(artifact.group, []):
                self._queue(held)
        if finished.status != "ok":
            return [ArtifactEnded(artifact, finished), *(CellEnded(artifact, c, finished) for c in artifact.cells)]
        if compressed and artifact.measure:
            self._measure.append((artifact, artifact.measure(finished.value)))
            return []
        self._train.extend((c, artifact) for c in artifact.cells)
        return [ArtifactEnded(artifact, finished)]
