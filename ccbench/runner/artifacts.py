"""Work items of a plan: which artifacts are missing, and what has to be trained on each."""

from __future__ import annotations

from collections.abc import Container
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

from ccbench.data import DataSource
from ccbench.executors import WorkItem
from ccbench.methods import identity
from ccbench.methods.teacher_source import TeacherSource
from ccbench.offers.discovery import Plugins
from ccbench.offers.expressions import Expression
from ccbench.records.book import read_facts, seed_value
from ccbench.records.cells import Cell, slug
from ccbench.runner.plan import Plan
from ccbench.runner.schedule import Artifact
from ccbench.training import Protocol, load_protocol


@dataclass(frozen=True, kw_only=True)
class Items:
    """Makes the work items of one run.

    Attributes:
        out: the output folder.
        cache: the store's folder.
        source: where datasets come from.
        teacher, precision: as in :class:`ccbench.runner.plan.Request`.
        device, compile, timeout: as in :class:`ccbench.runner.execute.Options`.
        jobs: items at a time.
    """

    out: Path
    cache: Path
    source: DataSource
    plugins: Plugins
    device: str | None
    compile: bool
    timeout: float | None
    jobs: int = 1
    teacher: TeacherSource = field(default_factory=TeacherSource)
    precision: str | None = None

    def artifacts(self, plan: Plan, done: Container[str]) -> list[Artifact]:
        """What has to be made and trained on, in the order of the plan; cells in ``done`` are left out."""
        artifacts: dict[str, Artifact] = {}
        for cell in plan.cells:
            if cell.skip or cell.id in done:
                continue
            expression = plan.expressions[cell.method]
            key = artifact_key(cell, expression)
            if key not in artifacts:
                path = self.out / "artifacts" / f"{slug(cell.method)}-{key}.ccb"
                facts = read_facts(path)
                group = (cell.dataset, cell.protocol) if expression.needs else None
                artifacts[key] = Artifact(path, group, None if facts else self._compress(cell, path, key), facts=facts)
                if not facts:
                    artifacts[key].prepare = self._shares(cell, expression, key)
            artifacts[key].cells.append(cell)
        return list(artifacts.values())

    def _compress(self, cell: Cell, path: Path, key: str) -> WorkItem:
        payload = {**self._method(cell, key), "match": cell.match, "made": cell.made, "artifact": str(path)}
        return WorkItem(key, "ccbench.runner.worker:compress_item", payload, self.timeout)

    def _shares(self, cell: Cell, expression: Expression, key: str) -> list[WorkItem]:
        """What several workers can do of a compression at once, where its method shares work out and they are there."""
        alone = self.jobs == 1 or len(expression.steps) > 1 or cell.match != "nominal"
        if alone or not expression.steps[0].spec.prepare:
            return []
        names = [f"{key}-part{part}" for part in range(self.jobs)]
        shares = [{**self._method(cell, name), "part": i, "parts": self.jobs} for i, name in enumerate(names)]
        return [
            WorkItem(name, "ccbench.runner.worker:prepare_item", share, self.timeout)
            for name, share in zip(names, shares, strict=True)
        ]

    def _method(self, cell: Cell, log: str) -> dict[str, Any]:
        return {
            **self._shared(cell, log),
            "method": cell.method,
            "kept": str(cell.kept),
            "seed": cell.seed,
        }

    def evaluate(self, cell: Cell, artifact: Artifact, micro_batch: int | None) -> WorkItem:
        """The training of one cell."""
        payload = {
            **self._shared(cell, cell.id),
            "artifact": str(artifact.path),
            "architecture": cell.architecture,
            "seed": seed_value(cell),
            "compile": self.compile,
            "micro_batch": micro_batch,
        }
        return WorkItem(cell.id, "ccbench.runner.worker:evaluate_item", payload, self.timeout)

    def smaller_batch(self, cell: Cell) -> int:
        """The micro-batch to try after running out of memory; the effective batch stays."""
        return max(1, _protocol(cell.protocol, self.plugins).train.batch // 4)

    def _shared(self, cell: Cell, log: str) -> dict[str, Any]:
        return {
            "dataset": cell.dataset,
            "source": self.source.for_dataset(cell.dataset).plain(),
            "cache": str(self.cache),
            "protocol": cell.protocol,
            "precision": self.precision,
            "threads": cell.threads,
            "base_seed": cell.base_seed,
            "device": self.device,
            "teacher": self.teacher.plain(),
            "log": str(self.out / "logs" / log),
        }


def artifact_key(cell: Cell, expression: Expression) -> str:
    """The hash of everything that can change an artifact."""
    return identity.digest(made=cell.made, seed=cell.seed if expression.random else None)


@lru_cache
def _protocol(name: str, plugins: Plugins) -> Protocol:
    """A protocol, read once and not for each of a hundred thousand cells."""
    return load_protocol(name, plugins)
