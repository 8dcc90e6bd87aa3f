"""How long what is left of a plan takes, from records of the same kind."""

from __future__ import annotations

import statistics
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

from ccbench.records.cells import Cell
from ccbench.records.record import Record
from ccbench.runner.pace import clock
from ccbench.runner.plan import Plan


@dataclass(frozen=True)
class Estimate:
    """What is known of the time that cells take one after the other.

    Attributes:
        seconds: of the cells that can be estimated.
        cells: how many are to run.
        unknown: how many of them nothing like it was recorded for: their dataset, protocol and network.
        unmeasured: methods of which only the training is counted: no compression of the dataset by them is recorded.
    """

    seconds: float
    cells: int
    unknown: int
    unmeasured: tuple[str, ...]

    @property
    def text(self) -> str:
        """For people; never a time that is only a part without saying so."""
        if self.unknown == self.cells:
            return "unknown, as nothing of these datasets, protocols and networks is recorded there yet"
        said = clock(self.seconds) if self.seconds >= 1 else "less than a second"
        parts = []
        if self.unknown:
            parts.append(
                f"{self.unknown} of {self.cells} cells, whose dataset, protocol and network are not recorded there yet"
            )
        if self.unmeasured:
            parts.append(f"what {', '.join(self.unmeasured)} take to compress, which is not recorded there yet")
        return f"at least {said}, and {'; and '.join(parts)}" if parts else said


def estimate(plan: Plan, to_run: Iterable[Cell], records: Iterable[Record]) -> Estimate:
    """Seconds for some cells of a plan, one after the other.

    A training takes the median of the records of its dataset, protocol and network; a compression the median of those
    of its dataset and method, once for all seeds unless the method is random. Both are in proportion to the pixels of
    the training set: a record of a folder at 32 pixels tells a 49th of what it takes at 224. Shared stages are not
    counted.

    Args:
        plan: whose expressions and shapes count.
        to_run: the cells that are neither there nor skipped.
        records: as :func:`ccbench.records.record.read_all` gives them; only those that are ok count.
    """
    trained: dict[tuple[str, str, str], list[float]] = defaultdict(list)
    packed: dict[tuple[str, str], list[float]] = defaultdict(list)
    for record in records:
        if record.ok and record.dataset in plan.data and (pixels := _raw_bytes(record)):
            kind = record.dataset, record.protocol, record.architecture
            trained[kind].append((record.train_seconds or 0.0) / pixels)
            packed[record.dataset, record.method].append((record.compress_seconds or 0.0) / pixels)
    network = {key: statistics.median(seconds) for key, seconds in trained.items()}
    packing = {key: statistics.median(seconds) for key, seconds in packed.items()}
    total, unknown, count = 0.0, 0, 0
    unmeasured: dict[str, None] = {}
    compressed = set()
    for cell in to_run:
        count += 1
        pixels = plan.data[cell.dataset].shape.raw_bytes
        each = network.get((cell.dataset, cell.protocol, cell.architecture))
        if each is None:
            unknown += 1
            continue
        total += each * pixels
        once = cell.dataset, cell.method, cell.kept, cell.made, plan.expressions[cell.method].random and cell.seed
        if once in compressed:
            continue
        compressed.add(once)
        if (cell.dataset, cell.method) in packing:
            total += packing[cell.dataset, cell.method] * pixels
        else:
            unmeasured[cell.method] = None
    return Estimate(total, count, unknown, tuple(unmeasured))


def _raw_bytes(record: Record) -> float:
    """Raw bytes of a record's training set, of which its file's bytes are what the ratio leaves; 0 where unsaid."""
    size, ratio = record.bytes, record.measured_ratio
    return size / (1 - ratio) if size and ratio is not None and ratio < 1 else 0.0
