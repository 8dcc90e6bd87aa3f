"""A run: plan, do what is missing, write each finished cell at once, end with the tables."""

from __future__ import annotations

import shutil
import time
from collections.abc import Container, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

from ccbench.data import DataSource, NoTest, notes_on, open_dataset, shape_of
from ccbench.errors import UserError
from ccbench.executors import Executor, Finished, sealing
from ccbench.machine import workers
from ccbench.offers.discovery import Plugins, plugins
from ccbench.offers.expressions import Call, read_call
from ccbench.records.book import Book
from ccbench.records.facts import Compressed, Plain, Trained
from ccbench.records.out_folder import claimed
from ccbench.records.record import Record, latest, read_all
from ccbench.runner.artifacts import Items
from ccbench.runner.device import check_device, on_gpu
from ccbench.runner.display import Display, make_display
from ccbench.runner.few_images import few_notes
from ccbench.runner.guarded import Guarded
from ccbench.runner.plan import Data, Plan, Request, joined, make_plan, option_text
from ccbench.runner.schedule import Artifact, ArtifactEnded, Scheduler
from ccbench.runner.work import shorten
from ccbench.store import default_store

Facts = TypeVar("Facts", bound=Plain)


@dataclass(kw_only=True)
class Options:
    """How a run is done; nothing here changes what a cell means.

    Attributes:
        out: the output folder.
        source: where data come from.
        jobs: items at a time, or None: see :func:`ccbench.machine.workers`.
        threads: of each process, or None: ``OMP_NUM_THREADS``, otherwise as there.
        executor: its name.
        timeout: seconds for one item, or None.
        memory_limit: bytes for one process, or None for its share of the machine.
        device: ``"cpu"``, ``"cuda"`` or None for the best there is.
        compile: whether networks go through ``torch.compile``.
        display: auto, live, plain or quiet.
        sealed: whether methods see neither the test split nor the network while they compress.
    """

    out: Path = Path("ccbench-out")
    source: DataSource = field(default_factory=DataSource)
    jobs: int | None = None
    threads: int | None = None
    executor: str = "local"
    timeout: float | None = None
    memory_limit: int | None = None
    device: str | None = None
    compile: bool = False
    display: str = "auto"
    sealed: bool = False


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


def plan_run(
    request: Request | Sequence[Request],
    source: DataSource,
    offers: Plugins,
    device: str | None = None,
    *,
    look: Container[str] | None = None,
    tested: bool = False,
) -> Plan:
    """The plan of a request.

    Args:
        request: what is asked for; of several each cell once.
        source: where datasets come from.
        offers: where names are looked up.
        device: where methods would compute; None is the best there is.
        look: the datasets to open, None for all, so that cells are told apart by what the images are; of another no
            image is read where its shape is declared.
        tested: whether every dataset that is opened must have a test split.

    Raises:
        UserError: no cell of it can run, the request names something unknown, or a dataset cannot be opened.
    """
    root, notes = default_store().root, list[str]()

    @cache
    def data(dataset: str) -> Data:
        where: dict[str, Any] = {"plugins": offers, "source": source.for_dataset(dataset), "cache": root}
        options = option_text(source)
        if look is not None and dataset not in look:
            return Data(shape_of(dataset, **where, notes=notes), options=options)
        splits = open_dataset(dataset, **where)
        notes.extend(notes_on(splits))
        test = "" if isinstance(splits.tested, NoTest) and not tested else splits.test.digest
        return Data(splits.train.shape, splits.train.digest, test, options, splits.key)

    plan = joined([make_plan(one, offers, data, device=device) for one in _several(request)])
    plan.notes += [*notes, *few_notes(plan.cells, plan.expressions, {n: d.shape for n, d in plan.data.items()})]
    if not plan.runnable:
        reasons = list(dict.fromkeys(c.skip for c in plan.cells))
        if plan.problems:
            raise UserError("no method of this run is ready", found="\n         ".join(plan.problems))
        raise UserError("no method can run at this budget", found="; ".join(reasons), mend="another --ratio or dataset")
    return plan


def _several(request: Request | Sequence[Request]) -> Sequence[Request]:
    return [request] if isinstance(request, Request) else request


def execute(request: Request | Sequence[Request], options: Options) -> Summary:
    """Do what is missing of a request, or of several with one teacher and number format.

    Raises:
        UserError: what the user can mend, before any work starts.
    """
    from ccbench.leaderboard import write

    offers = plugins()
    check_device(options.device)
    executor = read_call("executor", options.executor, offers)
    if options.sealed:
        _check_seal(executor)
    plan = plan_run(request, options.source, offers, options.device, tested=True)
    with claimed(options.out):
        largest = max(data.shape.raw_bytes for data in plan.data.values())
        jobs, threads = workers(options.jobs, options.threads, gpu=on_gpu(options.device), dataset_bytes=largest)
        items = _items(_several(request)[0], options, offers, jobs, plan)
        known, problems = _known(plan, options.out, sealed=options.sealed)
        done = {i: r.accuracy for i, r in known.items() if r.ok and r.accuracy is not None}
        attempts = {i: r.attempt for i, r in known.items()}
        book = Book(options.out, plan.cells, attempts)
        artifacts = items.artifacts(plan, done)
        with make_display(options.display, plan.cells, done, options.out / "logs") as display:
            broken = [f"broken plugin {p.name} of {p.distribution}: {p.errors[0]}" for p in offers.broken()]
            unready = [f"error: {problem}" for problem in plan.problems]
            fewer = [f"memory has room for {jobs} processes at a time"] if jobs < (options.jobs or 1) else []
            for note in (*unready, *plan.notes, *_emulated(plan, options.device), *fewer, *problems, *broken):
                display.note(note)
            _settle(plan, known, book)
            if artifacts:
                useful = sum(max(len(a.prepare), len(a.cells)) for a in artifacts)
                runner = Guarded(executor, jobs=min(jobs, useful), memory_limit=options.memory_limit, threads=threads)
                try:
                    _work(runner, artifacts, items, book, display)
                except BaseException:
                    with suppress(UserError):  # what went wrong first is what the user reads
                        runner.close(cancel=True)
                    raise
                runner.close()
        write(options.out)
    return Summary(dict(book.counts), book.reasons, plan, options.out)


def _emulated(plan: Plan, device: str | None) -> list[str]:
    """A note where trainings use a number format that the device only emulates."""
    formats = {cell.precision for cell in plan.runnable} - {"float32"}
    if not formats:
        return []
    from ccbench.training.precision import emulated

    place = device or ("cuda" if on_gpu(device) else "cpu")
    slow = [name for name in sorted(formats) if emulated(place, name)]
    return [f"{name} is emulated on this {place} and slow; --precision float32 is not" for name in slow]


def _items(request: Request, options: Options, offers: Plugins, jobs: int, plan: Plan) -> Items:
    """What makes the work items of this run."""
    return Items(
        out=options.out,
        cache=default_store().root,
        source=options.source,
        plugins=offers,
        device=options.device,
        compile=options.compile,
        timeout=options.timeout,
        jobs=jobs,
        entries={name: data.entry for name, data in plan.data.items()},
        teacher=request.teacher,
        precision=request.precision,
        sealed=options.sealed,
    )


def _check_seal(executor: Call[Any]) -> None:
    """Raise UserError unless an executor seals processes, and this machine can."""
    if not executor.spec.seals:
        raise UserError(
            f"executor {executor.label} seals no processes", found="--sealed", mend="--executor local, or no --sealed"
        )
    sealing.check()


def _known(plan: Plan, out: Path, *, sealed: bool) -> tuple[dict[str, Record], list[str]]:
    """The record that counts of every planned cell, of sealed ones alone where that is asked for, and what could not be
    read."""
    records, problems = read_all(out)
    planned = {c.id for c in plan.cells}
    wanted = (r for r in records if r.cell in planned and (r.sealed or not (sealed and r.ok)))
    return {r.cell: r for r in latest(wanted)}, problems


def _settle(plan: Plan, known: dict[str, Record], book: Book) -> None:
    """Count what is there already, and record each skip once."""
    for cell in plan.cells:
        before = known.get(cell.id)
        if before and before.ok:
            book.count("cached", cell, "")
        elif cell.skip:
            if not before or (before.status, before.reason) != ("skipped", cell.skip):
                book.write(cell, "skipped", cell.skip)
            book.count("skipped", cell, cell.skip)


def _work(executor: Executor, artifacts: list[Artifact], items: Items, book: Book, display: Display) -> None:
    """Run the schedule to its end."""
    scheduler = Scheduler(executor, artifacts, items.evaluate, items.smaller_batch, display.starting)
    began: dict[str, float] = {}
    while (events := scheduler.step(0.25)) is not None:
        now = time.monotonic()
        running = scheduler.running()
        for item in running:
            began.setdefault(item, now)
        for event in events:
            artifact = event.artifact
            if isinstance(event, ArtifactEnded):
                if artifact.own:
                    shutil.rmtree(artifact.own, ignore_errors=True)
                if event.finished.status == "ok":
                    artifact.facts = given(Compressed, event.finished)[1] or Compressed.read(artifact.path)
                if artifact.facts:
                    display.compressed(artifact.cells, artifact.facts)
                continue
            finished, outcome = given(Trained, event.finished)
            if outcome:
                outcome.environment.update(items.origin(event.cell))
            record = book.write(
                event.cell,
                finished.status,
                finished.reason,
                artifact=artifact.path,
                file=artifact.facts,
                outcome=outcome,
                log=finished.log,
            )
            book.count(finished.status, event.cell, finished.reason)
            reason = finished.reason + _log_of(finished, items.out)
            seconds = now - began.get(finished.id, now)
            display.cell(event.cell, finished.status, reason, record.accuracy, seconds)
            for failure in items.plugins.cell_finished(record.plain()):
                display.note(f"warning: a tracker failed: {failure}")
        display.tick(running)


def given(kind: type[Facts], finished: Finished) -> tuple[Finished, Facts | None]:
    """What an item gave, typed; an executor that gives back something else has failed it."""
    if finished.status != "ok":
        return finished, None
    try:
        return finished, kind.from_plain(finished.value)
    except ValueError as error:
        return replace(finished, status="failed", reason=f"the executor gave back no {kind.__name__}: {error}"), None


def _log_of(finished: Finished, out: Path) -> str:
    """Where what went wrong is told at length, or ""."""
    log = Path("logs") / f"{finished.id}.log"
    shorten(out / log)  # its process may have been killed
    return f"; log: {log}" if finished.status not in {"ok", "skipped"} and (out / log).exists() else ""
