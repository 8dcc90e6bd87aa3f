"""The order of work, with an executor that runs each item at once in this process."""

from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path

import pytest

from ccbench.executors import Finished, WorkItem
from ccbench.records.cells import Cell
from ccbench.runner.schedule import Artifact, CellEnded, Scheduler


@dataclass
class Inline:
    """The interface of ccbench.executors.Executor; ``ends`` says how an item ends, ok by default."""

    capacity: int = 2
    ends: dict = field(default_factory=dict)
    seen: list = field(default_factory=list)
    open: list = field(default_factory=list)

    def submit(self, item):
        self.open.append(item)
        assert len(self.open) <= self.capacity
        self.seen.append((item.id, item.fresh, item.payload.get("micro_batch")))

    def wait(self, seconds):
        item = self.open.pop(0)
        status = self.ends.get((item.id, item.fresh), "ok")
        return [Finished(item.id, status, "" if status == "ok" else "why")]

    def running(self):
        return [item.id for item in self.open]

    def close(self, *, cancel=False):
        self.open.clear()


def artifact(name, seeds=1, group=None, there=False):
    facts = {"dataset": "d", "kept": Fraction(1, 12), "architecture": "a", "protocol": "p"}
    cells = [Cell(method=name, seed=seed, **facts) for seed in range(seeds)]
    return Artifact(Path(name), group, None if there else WorkItem(name, "m:f"), cells)


def run(artifacts, **facts):
    executor = Inline(**facts)
    scheduler = Scheduler(
        executor,
        artifacts,
        lambda cell, _, micro: WorkItem(f"{cell.method}{cell.seed}", "m:f", {"micro_batch": micro}),
        lambda cell: 64,
    )
    ended = []
    while (events := scheduler.step(0)) is not None:
        ended += events
    return executor, ended


def statuses(ended):
    return {f"{e.cell.method}{e.cell.seed}": e.finished.status for e in ended if isinstance(e, CellEnded)}


@pytest.mark.parametrize("status", ["ok", "failed", "timeout", "skipped"])
def test_what_waits_for_a_leader_goes_on_whatever_becomes_of_it(status):
    executor, ended = run([artifact(n, group="g") for n in "xyz"], ends={("x", False): status})
    assert statuses(ended) == {"x0": status, "y0": "ok", "z0": "ok"}
    order = [i for i, *_ in executor.seen]
    assert order[0] == "x"
    assert sorted(order[1:]) == sorted((["x0"] if status == "ok" else []) + ["y", "y0", "z", "z0"])


def test_a_leader_that_runs_out_of_memory_twice_lets_the_others_go():
    executor, ended = run([artifact(n, group="g") for n in "xy"], ends={("x", False): "oom", ("x", True): "oom"})
    assert executor.seen[:2] == [("x", False, None), ("x", True, None)]
    assert statuses(ended) == {"x0": "oom", "y0": "ok"}


def test_a_training_out_of_memory_is_tried_once_more_with_a_smaller_batch():
    executor, ended = run([artifact("x", seeds=2, there=True)], ends={("x0", False): "oom"})
    assert ("x0", True, 64) in executor.seen
    assert statuses(ended) == {"x0": "ok", "x1": "ok"}
    assert len(executor.seen) == 3


def test_trainings_go_before_compressions_and_a_failed_compression_fails_each_of_its_cells():
    executor, ended = run([artifact("x", 3), artifact("y", 2, there=True)], capacity=1, ends={("x", False): "failed"})
    assert [i for i, *_ in executor.seen] == ["y0", "y1", "x"]
    assert statuses(ended) == {"y0": "ok", "y1": "ok", "x0": "failed", "x1": "failed", "x2": "failed"}


def shared(name, parts, **facts):
    made = artifact(name, **facts)
    made.prepare = [WorkItem(f"{name}-part{i}", "m:f") for i in range(parts)]
    return made


def test_shares_of_the_work_go_before_the_compression():
    executor, ended = run([shared("a", 3, seeds=2)])
    assert [name for name, *_ in executor.seen] == ["a-part0", "a-part1", "a-part2", "a", "a0", "a1"]
    assert statuses(ended) == {"a0": "ok", "a1": "ok"}


def test_a_share_that_fails_leaves_its_work_to_the_compression():
    executor, ended = run([shared("a", 2)], ends={("a-part1", False): "failed"})
    assert [name for name, *_ in executor.seen] == ["a-part0", "a-part1", "a", "a0"]
    assert statuses(ended) == {"a0": "ok"}


def test_artifacts_of_one_group_wait_for_the_shares_of_the_first():
    executor, _ = run([shared("a", 2, group="g"), shared("b", 2, group="g")])
    names = [name for name, *_ in executor.seen]
    assert names.index("a") < names.index("b-part0") < names.index("b")
    assert sorted(names) == sorted(["a-part0", "a-part1", "a", "a0", "b-part0", "b-part1", "b", "b0"])


def test_every_item_is_announced_before_it_is_submitted_and_before_it_is_tried_again():
    executor, heard = Inline(ends={("a0", False): "oom"}), []
    scheduler = Scheduler(
        executor,
        [artifact("a")],
        lambda cell, _, micro: WorkItem(f"{cell.method}{cell.seed}", "m:f", {"micro_batch": micro}),
        lambda cell: 64,
        lambda item: heard.append((item, len(executor.seen))),
    )
    while scheduler.step(0) is not None:
        pass
    assert heard == [("a", 0), ("a0", 1), ("a0", 2)]
