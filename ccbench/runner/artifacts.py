"""The work of a plan: which artifacts are missing, and what has to be trained on each."""

from __future__ import annotations

from collections.abc import Container, Mapping
from dataclasses import dataclass, field
from functools import lru_cache, partial
from pathlib import Path
from typing import Any

from ccbench.data import DataSource
from ccbench.executors import WorkItem
from ccbench.executors.sealing import Seal
from ccbench.methods import identity
from ccbench.methods.teacher_source import TeacherSource
from ccbench.offers.discovery import Plugins
from ccbench.offers.expressions import Expression, parse, read_call
from ccbench.records.artifacts import ARTIFACTS
from ccbench.records.cells import Cell, slug
from ccbench.records.facts import Compressed
from ccbench.records.origin import origin
from ccbench.runner.compressing import Compression, Measurement, Share
from ccbench.runner.fences import seal
from ccbench.runner.plan import Plan
from ccbench.runner.schedule import Artifact
from ccbench.runner.training import Training
from ccbench.runner.work import Context
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
        entries: of the cache, by dataset.
        sealed: whether compressions are held to what :mod:`ccbench.runner.fences` lets them see.
    """

    out: Path
    cache: Path
    source: DataSource
    plugins: Plugins
    device: str | None
    compile: bool
    timeout: float | None
    jobs: int = 1
    entries: Mapping[str, str] = field(default_factory=dict)
    teacher: TeacherSource = field(default_factory=TeacherSource)
    precision: str | None = None
    sealed: bool = False

    def artifacts(self, plan: Plan, done: Container[str]) -> list[Artifact]:
        """What has to be made and trained on, in the order of the plan; cells in ``done`` are left out."""
        artifacts: dict[str, Artifact] = {}
        for cell in plan.cells:
            if cell.skip or cell.id in done:
                continue
            expression = plan.expressions[cell.method]
            key = artifact_key(cell, expression)
            if key not in artifacts:
                path = self.out / ARTIFACTS / f"{slug(cell.method)}-{key}.ccb"
                facts = Compressed.read(path)
                facts = facts if facts and (facts.sealed or not self.sealed) else None
                group = (cell.dataset, cell.protocol) if expression.needs or expression.candidates else None
                artifacts[key] = Artifact(path, group, facts=facts)
                if not facts:
                    own = path.parent / f".{key}" / path.name if self.sealed else path
                    work, fence = self._compression(cell, own, key), self._fence(cell, expression, own)
                    artifacts[key].own = own.parent if self.sealed else None
                    artifacts[key].compress = work.item(key, self.timeout, fence)
                    artifacts[key].measure = partial(self._measure, work, expression, f"{key}-measure", path)
                    artifacts[key].prepare = self._shares(cell, expression, own, key, fence)
            artifacts[key].cells.append(cell)
        return list(artifacts.values())

    def _compression(self, cell: Cell, path: Path, key: str) -> Compression:
        return Compression(
            context=self.context(cell, cell.method),
            log=self._log(key),
            method=cell.method,
            kept=cell.kept,
            match=cell.match,
            coding=cell.coding,
            seed=cell.seed,
            made=cell.made,
            artifact=path,
        )

    def _fence(self, cell: Cell, expression: Expression, path: Path) -> Seal | None:
        if not self.sealed:
            return None
        writes = [path.parent, self._log("")]
        return seal(self.context(cell, cell.method), expression, self.plugins, writes)

    def _measure(
        self, work: Compression, expression: Expression, name: str, path: Path, made: Mapping[str, Any]
    ) -> WorkItem:
        moved = path if self.sealed else None
        return Measurement.after(work, expression, made, artifact=moved).item(name, self.timeout)

    def _shares(self, cell: Cell, expression: Expression, path: Path, key: str, fence: Seal | None) -> list[WorkItem]:
        """What several workers can do of a compression at once, where its method shares work out and they are there."""
        alone = self.jobs == 1 or len(expression.steps) > 1 or cell.match != "nominal"
        if alone or not expression.steps[0].spec.prepare:
            return []
        return [
            Share(
                context=self.context(cell, cell.method),
                log=self._log(name := f"{key}-part{part}"),
                method=cell.method,
                kept=cell.kept,
                seed=cell.seed,
                artifact=path,
                part=part,
                parts=self.jobs,
            ).item(name, self.timeout, fence)
            for part in range(self.jobs)
        ]

    def evaluate(self, cell: Cell, artifact: Artifact, micro_batch: int | None) -> WorkItem:
        """The training of one cell."""
        return Training(
            context=self.context(cell),
            log=self._log(cell.id),
            artifact=artifact.path,
            architecture=cell.architecture,
            seed_value=cell.seed_value,
            compile=self.compile,
            micro_batch=micro_batch,
        ).item(cell.id, self.timeout)

    def smaller_batch(self, cell: Cell) -> int:
        """The micro-batch to try after running out of memory; the effective batch stays."""
        return max(1, _protocol(cell.protocol, self.plugins).train.batch // 4)

    def context(self, cell: Cell, method: str = "") -> Context:
        """What the work on a cell has in common with other work; ``method`` where its code takes part."""
        return Context.of(
            cell,
            source=self.source.for_dataset(cell.dataset),
            cache=self.cache,
            device=self.device,
            precision=self.precision,
            teacher=self.teacher,
            plugins=[*self._named(cell, method)],
            entry=self.entries.get(cell.dataset, ""),
        )

    def origin(self, cell: Cell) -> dict[str, str]:
        """What a record of a cell says of the command and the plugins behind it."""
        return origin(self._named(cell, cell.method))

    def _named(self, cell: Cell, method: str) -> tuple[str, ...]:
        return plugins_of(cell.dataset, cell.protocol, cell.architecture, method, self.teacher, self.plugins)

    def _log(self, name: str) -> Path:
        return self.out / "logs" / name


def artifact_key(cell: Cell, expression: Expression) -> str:
    """The hash of everything that can change an artifact."""
    return identity.digest(made=cell.made, seed=cell.seed if expression.random else None)


@lru_cache
def plugins_of(
    dataset: str, protocol: str, architecture: str, method: str, teacher: TeacherSource, plugins: Plugins
) -> tuple[str, ...]:
    """The ids of the plugins whose offers a piece of work names, or one of the stages that it needs.

    Args:
        dataset, protocol, architecture: names.
        method: a method expression, or "" for a training.
        teacher: the user's own.
        plugins: where names are looked up.
    """
    with plugins.asked() as ids:
        recipe = load_protocol(protocol, plugins)
        setting = identity.Setting.of(recipe, plugins, teacher)
        read_call("dataset", dataset, plugins)
        identity.network(architecture, plugins)
        if method:
            identity.method(setting, parse(method, plugins))
        if recipe.train.labels == "teacher":
            identity.trained(setting, "teacher")
    return tuple(sorted(ids))


@lru_cache
def _protocol(name: str, plugins: Plugins) -> Protocol:
    """A protocol, read once and not for each of a hundred thousand cells."""
    return load_protocol(name, plugins)
