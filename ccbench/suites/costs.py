"""What each row of a suite costs: on this machine from records of the same kind, on GPUs from recorded throughput."""

from __future__ import annotations

import statistics
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from ccbench.budget import Budget, DataShape
from ccbench.offers.discovery import Plugins
from ccbench.offers.expressions import base_name
from ccbench.records.cells import Cell as PlanCell
from ccbench.records.record import Record
from ccbench.runner.estimate import estimate
from ccbench.runner.pace import clock
from ccbench.runner.plan import Plan
from ccbench.suites.grid import Cell, Key
from ccbench.training import load_protocol

Picture = tuple[str, int, int]  # network, height, width


@dataclass(frozen=True)
class Cost:
    """Of one row.

    Attributes:
        row: its key.
        cells: trainings that are to run.
        here: what is known of the time on this machine, for people.
        elsewhere: seconds of the trainings alone by the name of a GPU; None where its throughput is not recorded.
    """

    row: str
    cells: int
    here: str
    elsewhere: Mapping[str, float | None]


class Throughput:
    """Training images per second that records know of, by device, network and the size of the images.

    Args:
        records: ok ones that say their device count.
        plugins: where datasets are looked up, for the size of their images.
    """

    def __init__(self, records: Iterable[Record], plugins: Plugins) -> None:
        self._plugins = plugins
        rates: dict[tuple[str, Picture], list[float]] = defaultdict(list)
        for record in records:
            device, shape = record.environment.get("device"), self._shape(record.dataset)
            if record.ok and record.images_per_second and isinstance(device, str) and shape and record.on_gpu:
                rates[device, (record.architecture, shape.height, shape.width)].append(record.images_per_second)
        self._rates = {key: statistics.median(found) for key, found in rates.items()}

    @property
    def gpus(self) -> tuple[str, ...]:
        """Their names."""
        return tuple(sorted({device for device, _ in self._rates}))

    def seconds(self, gpu: str, cells: Sequence[PlanCell], plan: Plan) -> float | None:
        """Of some trainings one after the other, or None where the throughput of one of them is not recorded."""
        total = 0.0
        for cell in cells:
            shape = plan.data[cell.dataset].shape
            rate = self._rates.get((gpu, (cell.architecture, shape.height, shape.width)))
            if rate is None:
                return None
            total += _images(cell, shape, self._plugins) / rate
        return total

    def _shape(self, dataset: str) -> DataShape | None:
        spec = self._plugins.all("dataset").get(base_name(dataset))
        return getattr(spec, "shape", None)


def _images(cell: PlanCell, shape: DataShape, plugins: Plugins) -> int:
    """How many images a training goes through."""
    kept = max(1, Budget(cell.kept).images(shape))
    recipe = load_protocol(cell.protocol, plugins).train.resolve(cell.architecture, shape, kept)
    return recipe.updates(kept, shape.images) * recipe.batch


def costs(
    cells: Iterable[Cell], plan: Plan, to_run: Iterable[PlanCell], here: Sequence[Record], throughput: Throughput
) -> list[Cost]:
    """The cost of each row of which something is to run.

    Args:
        cells: of the suite.
        plan: of what it asks for; to_run: its cells that are neither there nor skipped.
        here: records of this machine.
        throughput: of other ones.
    """
    by_key: dict[Key | None, list[PlanCell]] = defaultdict(list)
    for planned in to_run:
        by_key[Key.of(planned)].append(planned)
    rows: dict[str, dict[str, PlanCell]] = defaultdict(dict)
    for cell in cells:
        if cell.found:
            rows[cell.row.key] |= {planned.id + planned.method: planned for planned in by_key[cell.found.key]}
    return [
        Cost(row, len(mine), estimate(plan, mine.values(), here).text,
             {gpu: throughput.seconds(gpu, [*mine.values()], plan) for gpu in throughput.gpus})
        for row, mine in rows.items() if mine
    ]  # fmt: skip


def table(found: Sequence[Cost], gpus: Sequence[str]) -> list[tuple[str, ...]]:
    """Costs as rows of a table, its head first, the sum over all rows last."""
    rows: list[tuple[str, ...]] = [("row", "trainings", *gpus, "this machine")]
    for cost in found:
        rows.append((cost.row, str(cost.cells), *(_said(cost.elsewhere[gpu]) for gpu in gpus), cost.here))
    if len(found) > 1:
        sums = [[cost.elsewhere[gpu] for cost in found] for gpu in gpus]
        totals = [_said(None if None in each else sum(s for s in each if s is not None)) for each in sums]
        rows.append(("all", str(sum(cost.cells for cost in found)), *totals, ""))
    return rows


def _said(seconds: float | None) -> str:
    return "not recorded" if seconds is None else clock(seconds)
