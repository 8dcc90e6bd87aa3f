"""A run: plan, do what is missing, write each finished cell at once, end with the tables."""

from __future__ import annotations

import json
import os
import platform
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ccbench import results
from ccbench.bookkeeping import Book, read_facts, seed_value
from ccbench.budget import DataShape
from ccbench.cells import Cell, slug
from ccbench.data import DataSource, Splits, open_dataset, shape_of
from ccbench.display import make_display
from ccbench.errors import UserError
from ccbench.executors import Finished, WorkItem
from ccbench.expressions import split
from ccbench.plan import Plan, Request, make_plan
from ccbench.plugins import Plugins, plugins
from ccbench.schedule import Artifact, Scheduler
from ccbench.store import Store, atomic_write, default_store

if TYPE_CHECKING:
    import pandas as pd

SCHEMA = 1  # of the output folder


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
    source: DataSource = field(default_factory=lambda: DataSource(None, False, "", None, False))
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
        """0 where everything that could run did, 1 where something failed."""
        return int(any(self.counts.get(s) for s in ("failed", "timeout", "oom")))


def plan_run(request: Request, options: Options, found: Plugins) -> Plan:
    """The plan of a request; reads no image where the dataset's shape is declared."""
    store = default_store()

    def shape(dataset: str) -> DataShape:
        return shape_of(dataset, plugins=found, source=_source(dataset, options.source), cache=store.root)

    plan = make_plan(request, found, shape)
    if not plan.runnable:
        reasons = list(dict.fromkeys(c.skip for c in plan.cells))
        raise UserError("no method can run at this budget", found="; ".join(reasons), mend="another --ratio or dataset")
    return plan


def execute(request: Request, options: Options) -> Summary:
    """Do what is missing of a request.

    Raises:
        UserError: what the user can mend, before any work starts.
    """
    found = plugins()
    plan = plan_run(request, options, found)
    executor_spec = found.get("executor", options.executor)
    store = default_store()
    with _claimed(options.out):
        data: dict[str, Splits] = {}
        for dataset in dict.fromkeys(c.dataset for c in plan.cells):
            source = _source(dataset, options.source)
            data[dataset] = open_dataset(dataset, plugins=found, source=source, cache=store.root)
        records, problems = results.read_all(options.out)
        known = (
            {r["cell"]: r for r in results.latest(records) if r["dataset_digest"] == data[r["dataset"]].train.digest}
            if records
            else {}
        )
        known = {c.id: known[c.id] for c in plan.cells if c.id in known}
        done = {i: r["accuracy"] for i, r in known.items() if r["status"] == "ok"}
        attempts = {i: r["attempt"] for i, r in known.items()}
        book = Book(options.out, plan.cells, {n: s.train.digest for n, s in data.items()}, attempts)
        logs = options.out / "logs"
        with make_display(options.display, plan.cells, done, logs) as display:
            for note in (
                *plan.notes,
                *problems,
                *(f"broken plugin {p.name} of {p.distribution}: {p.errors[0]}" for p in found.broken()),
            ):
                display.note(note)
            for cell in plan.cells:
                if cell.skip:
                    old = known.get(cell.id)
                    if not old or (old["status"], old["reason"]) != ("skipped", cell.skip):
                        book.write(cell, Finished(cell.id, "skipped", cell.skip), None, None)
                    book.count("skipped", cell, cell.skip)
                elif cell.id in done:
                    book.count("cached", cell, "")
            artifacts = _artifacts(plan, done, data, request, options, store)
            if artifacts:
                executor = executor_spec.load()(jobs=options.jobs, memory_limit=options.memory_limit)
                try:
                    _work(executor, artifacts, book, display, options, found, store)
                except BaseException:
                    executor.close(cancel=True)
                    raise
                executor.close()
        from ccbench.leaderboard import write

        write(options.out)
    return Summary(book.counts, book.reasons, plan, options.out)


def _work(
    executor: Any, artifacts: list[Artifact], book: Book, display: Any, options: Options, found: Plugins, store: Store
) -> None:
    """Run the schedule to its end."""
    facts: dict[Path, dict[str, Any]] = {a.path: read_facts(a.path) for a in artifacts if a.compress is None}
    batch = {
        p: found.get("protocol", p).build()["train"]["batch"] for p in {c.protocol for a in artifacts for c in a.cells}
    }

    def evaluate(cell: Cell, artifact: Artifact, micro_batch: int | None) -> WorkItem:
        payload = {
            "dataset": cell.dataset,
            "source": _plain(_source(cell.dataset, options.source)),
            "cache": str(store.root),
            "artifact": str(artifact.path),
            "protocol": cell.protocol,
            "architecture": cell.architecture,
            "seed": seed_value(cell),
            "device": options.device,
            "compile": options.compile,
            "micro_batch": micro_batch,
            "log": str(options.out / "logs" / cell.id),
        }
        return WorkItem(cell.id, "ccbench.work:evaluate_item", payload, options.timeout)

    scheduler = Scheduler(executor, artifacts, evaluate, lambda cell: max(1, batch[cell.protocol] // 4))
    began: dict[str, float] = {}
    while (events := scheduler.step(0.25)) is not None:
        now = time.monotonic()
        running = scheduler.running()
        for item in running:
            began.setdefault(item, now)
        for artifact, cell, finished in events:
            if cell is None:
                if finished.status == "ok":
                    facts[artifact.path] = finished.value
                    display.compressed(artifact.cells[0].method, finished.value)
                continue
            record = book.write(cell, finished, artifact.path, facts.get(artifact.path))
            book.count(finished.status, cell, finished.reason)
            display.cell(cell, finished.status, finished.reason, record["accuracy"], now - began.get(finished.id, now))
            for failure in found.cell_finished(record):
                display.note(f"warning: a tracker failed: {failure}")
        display.tick(running)


def _artifacts(
    plan: Plan, done: Iterable[str], data: dict[str, Splits], request: Request, options: Options, store: Store
) -> list[Artifact]:
    """What has to be made and trained on, in the order of the plan."""
    found, artifacts = set(done), {}
    for cell in plan.cells:
        if cell.skip or cell.id in found:
            continue
        expression = plan.expressions[cell.method]
        recipe = plugins().get("protocol", cell.protocol).build().get("proxy") if expression.needs else None
        axes = {
            "dataset": data[cell.dataset].train.digest,
            "method": cell.method,
            "version": cell.method_version,
            "kept": str(cell.kept),
            "match": cell.match,
            "seed": cell.seed if expression.random else None,
            "base_seed": cell.base_seed,
            "recipe": recipe,
            "stages": {n: plugins().get("stage", n).version for n in expression.needs},
        }
        key = Store.key(**axes)[:12]
        if key not in artifacts:
            path = options.out / "artifacts" / f"{slug(cell.method)}-{key}.ccb"
            payload = {
                "dataset": cell.dataset,
                "source": _plain(_source(cell.dataset, options.source)),
                "cache": str(store.root),
                "method": cell.method,
                "kept": str(cell.kept),
                "match": cell.match,
                "seed": cell.seed,
                "base_seed": cell.base_seed,
                "protocol": cell.protocol,
                "device": options.device,
                "artifact": str(path),
                "log": str(options.out / "logs" / key),
            }
            item = WorkItem(key, "ccbench.work:compress_item", payload, options.timeout)
            there = path.exists() and path.with_suffix(".json").exists()
            group = (cell.dataset, cell.protocol, expression.needs) if expression.needs else None
            artifacts[key] = Artifact(path, group, None if there else item)
        artifacts[key].cells.append(cell)
    return list(artifacts.values())


@contextmanager
def _claimed(out: Path) -> Iterator[None]:
    """Hold an output folder: made, writable, of a known schema, and ours alone until the end."""
    from filelock import FileLock, Timeout

    marker = out / "ccbench.json"
    try:
        out.mkdir(parents=True, exist_ok=True)
        lock = FileLock(out / ".lock")
        lock.acquire(timeout=0)
    except Timeout:
        owner = (out / ".owner").read_text() if (out / ".owner").exists() else "unknown"
        raise UserError(
            f"another run is writing to {out}", found=owner, mend="wait for it, or give another --out"
        ) from None
    except OSError as error:
        raise UserError(
            f"cannot write to {out}", found=error.strerror or error, mend="give a folder you may write with --out"
        ) from None
    try:
        if marker.exists():
            try:
                schema = int(json.loads(marker.read_text())["schema"])
            except (ValueError, KeyError, TypeError):
                raise UserError(f"{marker} cannot be read", mend="delete it, or give another --out") from None
            if schema > SCHEMA:
                raise UserError(
                    f"{out} was written by a newer ccbench",
                    found=f"schema {schema}; this one knows {SCHEMA}",
                    mend="pip install --upgrade ccbench, or give another --out",
                )
        else:
            atomic_write(marker, json.dumps({"schema": SCHEMA}))
        atomic_write(
            out / ".owner",
            f"process {os.getpid()} on {platform.node()}, since {datetime.now(UTC).isoformat(timespec='seconds')}",
        )
        yield
    finally:
        (out / ".owner").unlink(missing_ok=True)
        lock.release()


def _source(dataset: str, source: DataSource) -> DataSource:
    return DataSource(source.root, source.download, dataset.partition(":")[2], source.image_size, source.skip_bad)


def _plain(source: DataSource) -> dict[str, Any]:
    return {**asdict(source), "root": str(source.root) if source.root else None}


UNITS = ("ratio", "bits", "fraction", "ipc", "bytes")


def run(
    methods: str | Iterable[str],
    ratio: Any = None,
    *,
    bits: Any = None,
    fraction: Any = None,
    ipc: Any = None,
    bytes: Any = None,  # noqa: A002 - the unit's name
    dataset: str | Iterable[str] = "photodigits",
    arch: str | Iterable[str] = (),
    protocol: str | Iterable[str] = "quick",
    seeds: int = 3,
    base_seed: int = 0,
    snap: bool = True,
    match: str = "nominal",
    out: str | os.PathLike[str] = "ccbench-out",
    data_root: str | os.PathLike[str] | None = None,
    download: bool = False,
    image_size: int | None = None,
    skip_bad: bool = False,
    display: str = "quiet",
    **options: Any,
) -> pd.DataFrame:
    """Compress, train, and give one row per cell: ``ccbench run`` for Python.

    Args:
        methods: method expressions, a list or a comma-separated string.
        ratio, bits, fraction, ipc, bytes: one budget or a list of them; ratio is the
            fraction of raw bytes that is *removed*, in (0, 1).
        dataset, arch, protocol: one name or a list.
        seeds: trainings per row.
        base_seed: what every seed is derived from.
        snap: whether budgets move to the palette grid when a method needs it.
        match: ``"nominal"`` or ``"bytes"``.
        out: the output folder; what is there already is not done again.
        data_root, download, image_size, skip_bad: where images come from.
        display: ``"quiet"``, ``"plain"``, ``"live"`` or ``"auto"``.
        options: fields of :class:`Options`, such as ``jobs`` or ``timeout``.

    Returns:
        One row per cell of this run, columns as in a result record; accuracies are fractions in [0, 1].

    Raises:
        UserError: an input that its user can mend.
    """
    import pandas as pd

    given = {"ratio": ratio, "bits": bits, "fraction": fraction, "ipc": ipc, "bytes": bytes}
    request = Request(
        methods=tuple(split(methods) if isinstance(methods, str) else methods),
        budgets=tuple((unit, str(v)) for unit in UNITS for v in _list(given[unit])),
        datasets=tuple(_list(dataset)),
        architectures=tuple(_list(arch)),
        protocols=tuple(_list(protocol)),
        seeds=seeds,
        base_seed=base_seed,
        snap=snap,
        match=match,
    )
    root = data_root or os.environ.get("CCBENCH_DATA")
    source = DataSource(Path(root) if root else None, download, "", image_size, skip_bad)
    summary = execute(request, Options(out=Path(out), source=source, display=display, **options))
    wanted = {c.id for c in summary.plan.cells}
    rows = [r for r in results.latest(results.read_all(Path(out))[0]) if r["cell"] in wanted]
    return pd.DataFrame(rows)


def _list(value: Any) -> list[Any]:
    if value is None:
        return []
    if isinstance(value, str):
        return split(value)
    return list(value) if isinstance(value, Iterable) else [value]
