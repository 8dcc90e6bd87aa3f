"""A run: plan, do what is missing, write each finished cell at once, end with the tables."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ccbench import results
from ccbench.bookkeeping import Book
from ccbench.budget import DataShape
from ccbench.data import DataSource, open_dataset, shape_of
from ccbench.display import Display, make_display
from ccbench.errors import UserError
from ccbench.executors import Finished
from ccbench.items import Items
from ccbench.out_folder import claimed
from ccbench.plan import Plan, Request, make_plan
from ccbench.plugins import Plugins, plugins
from ccbench.schedule import Artifact, Scheduler
from ccbench.store import default_store


@dataclass(kw_only=True)
class Options:
    """How a run is done; nothing here changes what a cell means.

    Attributes:
        out: the output folder.
        source: where data come from.
        jobs: items at a time.
        executor: its name.
        timeout: seconds for one item, or None.
        memory_limit: bytes for one process, or None for its share of the machine.
        device: ``"cpu"``, ``"cuda"`` or None for the best there is.
        compile: whether networks go through ``torch.compile``.
        display: auto, live, plain or quiet.
    """

    out: Path = Path("ccbench-out")
    source: DataSource = field(default_factory=DataSource)
    jobs: int = 1
    executor: str = "local"
    timeout: float | None = None
    memory_limit: int | None = None
    device: str | None = None
    compile: bool = False
    display: str = "auto"


@dataclass
class Summary:
    """What became of a run: cells by status, and what to tell the user."""

    counts: dict[str, int]
    reasons: list[str]
    plan: Plan
    out: Path

    @property
    def exit_code(self) -> int:
        """0 where everything that was asked for ran, 1 where something failed or a method was not ready."""
        return int(any(self.counts.get(s) for s in ("failed", "timeout", "oom")) or bool(self.plan.problems))


def plan_run(request: Request, source: DataSource, found: Plugins, device: str | None = None) -> Plan:
    """The plan of a request; reads no image where the dataset's shape is declared.

    Raises:
        UserError: no cell of it can run, or the request names something unknown.
    """
    cache = default_store().root

    def shape(dataset: str) -> DataShape:
        return shape_of(dataset, plugins=found, source=source.for_dataset(dataset), cache=cache)

    plan = make_plan(request, found, shape, device=device)
    if not plan.runnable:
        reasons = list(dict.fromkeys(c.skip for c in plan.cells))
        if plan.problems:
            raise UserError("no method of this run is ready", found="\n         ".join(plan.problems))
        raise UserError("no method can run at this budget", found="; ".join(reasons), mend="another --ratio or dataset")
    return plan


def execute(request: Request, options: Options) -> Summary:
    """Do what is missing of a request.

    Raises:
        UserError: what the user can mend, before any work starts.
    """
    from ccbench.leaderboard import write

    found = plugins()
    if options.device not in (None, "cpu"):
        from ccbench.work import check_device  # imports torch, which a run on the best device needs only in its workers

        check_device(options.device)
    plan = plan_run(request, options.source, found, options.device)
    executor = found.get("executor", options.executor)
    with claimed(options.out):
        items = _items(plan, request, options, found)
        known, problems = _known(plan, options.out, items)
        done = {i: r["accuracy"] for i, r in known.items() if r["status"] == "ok"}
        attempts = {i: r["attempt"] for i, r in known.items()}
        book = Book(options.out, plan.cells, items.digests, items.test_digests, attempts)
        artifacts = items.artifacts(plan, done)
        with make_display(options.display, plan.cells, done, options.out / "logs") as display:
            broken = [f"broken plugin {p.name} of {p.distribution}: {p.errors[0]}" for p in found.broken()]
            unready = [f"error: {problem}" for problem in plan.problems]
            for note in (*unready, *plan.notes, *problems, *broken):
                display.note(note)
            _settle(plan, known, book)
            if artifacts:
                runner = executor.load()(jobs=options.jobs, memory_limit=options.memory_limit)
                try:
                    _work(runner, artifacts, items, book, display)
                except BaseException:
                    runner.close(cancel=True)
                    raise
                runner.close()
        write(options.out)
    return Summary(dict(book.counts), book.reasons, plan, options.out)


def _items(plan: Plan, request: Request, options: Options, found: Plugins) -> Items:
    """Open every dataset, so that a fault of the data ends the run before it starts."""
    store, source = default_store(), options.source
    digests, tests = {}, {}
    for dataset in dict.fromkeys(c.dataset for c in plan.cells):
        splits = open_dataset(dataset, plugins=found, source=source.for_dataset(dataset), cache=store.root)
        digests[dataset], tests[dataset] = splits.train.digest, splits.test.digest
    return Items(
        out=options.out,
        cache=store.root,
        source=source,
        plugins=found,
        digests=digests,
        test_digests=tests,
        device=options.device,
        compile=options.compile,
        timeout=options.timeout,
        jobs=options.jobs,
        teacher=request.teacher,
    )


def _known(plan: Plan, out: Path, items: Items) -> tuple[dict[str, dict[str, Any]], list[str]]:
    """The record that counts of every planned cell, of the same images; and what could not be read."""
    records, problems = results.read_all(out)
    planned = {c.id for c in plan.cells}
    mine = [r for r in records if r["cell"] in planned and items.same_images(r)]
    return {r["cell"]: r for r in results.latest(mine)}, problems


def _settle(plan: Plan, known: dict[str, dict[str, Any]], book: Book) -> None:
    """Count what is there already, and record each skip once."""
    for cell in plan.cells:
        before = known.get(cell.id, {})
        if before.get("status") == "ok":
            book.count("cached", cell, "")
        elif cell.skip:
            if (before.get("status"), before.get("reason")) != ("skipped", cell.skip):
                book.write(cell, Finished(cell.id, "skipped", cell.skip), None, None)
            book.count("skipped", cell, cell.skip)


def _work(executor: Any, artifacts: list[Artifact], items: Items, book: Book, display: Display) -> None:
    """Run the schedule to its end."""
    scheduler = Scheduler(executor, artifacts, items.evaluate, items.smaller_batch, display.starting)
    began: dict[str, float] = {}
    while (events := scheduler.step(0.25)) is not None:
        now = time.monotonic()
        running = scheduler.running()
        for item in running:
            began.setdefault(item, now)
        for artifact, cell, finished in events:
            if cell is None:
                if finished.status == "ok":
                    artifact.facts = finished.value
                    display.compressed(artifact.cells, finished.value)
                continue
            record = book.write(cell, finished, artifact.path, artifact.facts)
            book.count(finished.status, cell, finished.reason)
            seconds = now - began.get(finished.id, now)
            display.cell(cell, finished.status, finished.reason, record["accuracy"], seconds)
            for failure in items.plugins.cell_finished(record):
                display.note(f"warning: a tracker failed: {failure}")
        display.tick(running)
