"""The work of a run as plain data, and what a worker process does with it: compress once, train on what is left."""

from __future__ import annotations

import contextlib
import itertools
import json
import math
import os
import struct
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass, field, fields
from datetime import UTC, datetime
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Self

from ccbench.budget import Budget, DataShape
from ccbench.data import DataSource, Splits, open_dataset
from ccbench.errors import UserError
from ccbench.executors import WorkItem
from ccbench.methods.teacher_source import TeacherSource
from ccbench.offers.discovery import plugins
from ccbench.offers.expressions import Expression, parse
from ccbench.records.cells import Cell
from ccbench.records.facts import Compressed, Taught, Trained
from ccbench.runner.device import chosen_device, compute_with, environment, peak_memory
from ccbench.store import Store, file_digest

if TYPE_CHECKING:
    from ccbench.methods.task import Workbench
    from ccbench.training import Protocol
    from ccbench.training.teacher import Teacher

Heard = Callable[[int, int, str], None]  # done, total, what


@dataclass(frozen=True, kw_only=True)
class Context:
    """What all work on one dataset under one protocol has in common.

    Attributes:
        dataset, source, cache: what :func:`ccbench.data.open_dataset` needs.
        protocol: whose recipes networks are trained by.
        base_seed: what every seed is derived from.
        device: ``"cpu"``, ``"cuda:0"`` or None for the best there is.
        precision: number format of the trainings; None is what the protocol declares.
        threads: of each training on a CPU.
        teacher: instead of the protocol's own.
    """

    dataset: str
    source: DataSource
    cache: Path
    protocol: str
    base_seed: int
    device: str | None = None
    precision: str | None = None
    threads: int = 1
    teacher: TeacherSource = field(default_factory=TeacherSource)

    @classmethod
    def of(
        cls,
        cell: Cell,
        *,
        source: DataSource,
        cache: Path,
        device: str | None,
        precision: str | None,
        teacher: TeacherSource,
    ) -> Self:
        """The context of a cell; the others as above."""
        return cls(
            dataset=cell.dataset,
            source=source,
            cache=cache,
            protocol=cell.protocol,
            base_seed=cell.base_seed,
            device=device,
            precision=precision,
            threads=cell.threads,
            teacher=teacher,
        )

    def plain(self) -> dict[str, Any]:
        """JSON-able fields, for another process; :meth:`from_plain` reads them back."""
        taken = {"source": self.source.plain(), "cache": str(self.cache), "teacher": self.teacher.plain()}
        return {f.name: getattr(self, f.name) for f in fields(self)} | taken

    @classmethod
    def from_plain(cls, plain: Mapping[str, Any]) -> Self:
        """The context that :meth:`plain` wrote down."""
        source, teacher = DataSource.from_plain(plain["source"]), TeacherSource.from_plain(plain["teacher"])
        return cls(**{**plain, "source": source, "cache": Path(plain["cache"]), "teacher": teacher})

    @property
    def recipes(self) -> Protocol:
        """The protocol, in the number format of this work."""
        from ccbench.training import load_protocol

        return load_protocol(self.protocol, plugins()).at(self.precision)

    def splits(self) -> Splits:
        """The dataset, opened once for all the work of a process."""
        key = json.dumps([self.dataset, self.source.plain(), str(self.cache)], sort_keys=True)
        if key not in _opened:
            _opened[key] = open_dataset(self.dataset, plugins=plugins(), source=self.source, cache=self.cache)
        return _opened[key]

    def bench(self, progress: Heard) -> Workbench:
        """Where stages run."""
        from ccbench.methods.task import Workbench

        recipes = self.recipes
        return Workbench(
            root=self.splits().train,
            store=Store(self.cache),
            plugins=plugins(),
            recipe=recipes.proxy,
            base_seed=self.base_seed,
            device=chosen_device(self.device),
            progress=progress,
            teacher_recipe=recipes.teacher,
            teacher=self.teacher,
            threads=self.threads,
        )


_opened: dict[str, Splits] = {}


@dataclass(frozen=True, kw_only=True)
class Work:
    """One unit of work; :meth:`run` does it in this process, :meth:`item` makes it travel to another.

    Attributes:
        context: what it has in common with other work.
        log: where output and progress go, without suffix; None leaves them in this process.
    """

    kinds: ClassVar[dict[str, type[Work]]] = {}
    context: Context
    log: Path | None = None

    def __init_subclass__(cls) -> None:
        Work.kinds[cls.__name__] = cls

    def item(self, name: str, timeout: float | None = None) -> WorkItem:
        """This work for an executor, which calls :func:`do` with its payload."""
        plain = {f.name: _plain(getattr(self, f.name)) for f in fields(self)}
        return WorkItem(name, f"{__name__}:do", {**plain, "kind": type(self).__name__}, timeout)

    @classmethod
    def from_plain(cls, plain: Mapping[str, Any]) -> Self:
        """The work whose fields :meth:`item` wrote down."""
        read: dict[str, Callable[[Any], Any]] = {
            "context": Context.from_plain, "log": Path, "artifact": Path, "kept": Fraction,
        }  # fmt: skip
        return cls(**{n: read[n](v) if n in read and v is not None else v for n, v in plain.items()})

    def run(self, heard: Heard | None = None) -> Any:
        """Do it.

        Args:
            heard: without a log, hears of the progress in this process.
        """
        with _logged(self.log, heard) as progress:
            compute_with(self.context.threads, chosen_device(self.context.device))
            return self.work(progress)

    def work(self, progress: Heard) -> Any:
        """What it is; progress is told as done, total and what."""
        raise NotImplementedError


def do(kind: str, **plain: Any) -> Any:
    """Do a piece of work that came as plain data; what it gives goes back as plain data."""
    given = Work.kinds[kind].from_plain(plain).run()
    return None if given is None else given.plain()


def _plain(value: Any) -> Any:
    if isinstance(value, Context):
        return value.plain()
    return str(value) if isinstance(value, (Path, Fraction)) else value


@dataclass(frozen=True, kw_only=True)
class Compression(Work):
    """Compress a training set and write the file, with its facts beside it.

    Attributes:
        method: label of a method expression.
        kept: the budget, a fraction of the raw bytes.
        match: ``"nominal"`` or ``"bytes"``.
        coding: of the file.
        seed: index of the repetition.
        made: digest of everything that the file depends on beside the seed; kept in the file.
        artifact: the ``.ccb`` file to write.
        beside: whether a ``.json`` beside it gets the facts.
    """

    method: str
    kept: Fraction
    match: str = "nominal"
    coding: str = "none"
    seed: int = 0
    made: str = ""
    artifact: Path
    beside: bool = True

    def work(self, progress: Heard) -> Compressed:
        """Compress and measure."""
        from ccbench.archive.kept_scores import keep
        from ccbench.colors import color_distance, measure_compressed, measured
        from ccbench.methods.compress import compress
        from ccbench.methods.match_bytes import fit_bytes

        bench, expression = self.context.bench(progress), parse(self.method, plugins())
        train, source, path, budget = bench.root, self.context.source, self.artifact, Budget(self.kept)
        shape, warnings = train.shape, list[str]()
        options: dict[str, Any] = {
            "seed": self.seed,
            "watch": (str(self.context.cache), source.root and str(source.root), source.argument or None),
            "warnings": warnings,
            "meta": self._meta(expression),
        }
        started = time.perf_counter()
        if self.match == "bytes" and not expression.reference:
            result, _ = fit_bytes(expression, budget.bytes(shape), bench, path, self.coding, **options)
        else:
            result = compress(expression, budget, bench, **options)
            result.save(path, self.coding)
        seconds, size = time.perf_counter() - started, path.stat().st_size  # what a method says of its file is no size
        own = seconds - sum(bench.stage_seconds.values())
        constructed = own + sum(bench.spent.values()) + sum(_of_shares(bench.store, path.name))
        try:
            keep(bench.store, result)
        except UserError as error:  # they are for looking at; the file is whole without them
            warnings.append(f"what the selection went by is not kept: {error.what} ({error.found})")
        colors = measure_compressed(result)
        facts = Compressed(
            bytes=size,
            sha256=file_digest(path),
            images=len(result),
            classes=shape.classes,
            nominal_kept=result.nominal_kept(shape),
            measured_kept=size / shape.raw_bytes,
            compress_seconds=own,
            stage_seconds=bench.stage_seconds,
            construction_seconds=None if math.isnan(constructed) else constructed,
            peak_memory=peak_memory(),
            colorfulness=colors.colorfulness,
            color_distance=color_distance(measured(train, bench.store), colors),
            warnings=warnings,
        )
        if self.beside:
            facts.save(path)
        return facts

    def _meta(self, expression: Expression) -> dict[str, Any]:
        """What the file says of itself."""
        from ccbench.archive.origin import facts_of

        splits = self.context.splits()
        shape = splits.train.shape
        return {
            "dataset": self.context.dataset,
            "dataset_digest": splits.train.digest,
            "method": self.method,
            "protocol": self.context.protocol,
            "versions": [step.spec.version for step in expression.steps],
            "kept": str(self.kept),
            "seed": self.seed if expression.random else None,
            "base_seed": self.context.base_seed,
            "full": [shape.images, shape.height, shape.width, shape.classes],
            **facts_of(splits, self.context.source),
            "made": self.made,
            **({"match": self.match} if self.match != "nominal" else {}),
            **({"coding": self.coding} if self.coding != "none" else {}),
        }


@dataclass(frozen=True, kw_only=True)
class Share(Work):
    """Do one share of a compression and leave it in the store.

    Attributes:
        method, kept, seed, artifact: as for :class:`Compression`.
        part: 0 .. parts-1.
    """

    method: str
    kept: Fraction
    seed: int = 0
    artifact: Path
    part: int
    parts: int

    def work(self, progress: Heard) -> None:
        """Prepare."""
        from ccbench.methods.compress import prepare

        bench, expression = self.context.bench(progress), parse(self.method, plugins())
        started = time.perf_counter()
        prepare(expression, Budget(self.kept), bench, part=self.part, parts=self.parts, seed=self.seed)
        seconds = time.perf_counter() - started - sum(bench.stage_seconds.values())
        bench.store.blobs(_SHARES).put(_share(self.artifact.name, self.part), struct.pack("<d", seconds))


_SHARES = "share-seconds"


def _share(artifact: str, part: int) -> str:
    return Store.key(artifact=artifact, part=part)


def _of_shares(store: Store, artifact: str) -> Iterator[float]:
    """What the shares of a compression took that were done before it."""
    for part in itertools.count():
        if (kept := store.blobs(_SHARES).get(_share(artifact, part))) is None:
            return
        yield struct.unpack("<d", kept)[0]


@dataclass(frozen=True, kw_only=True)
class Training(Work):
    """Train one network on a compressed file and test it once.

    Attributes:
        artifact: the ``.ccb`` file.
        architecture: canonical label of the network.
        seed_value: the seed itself, already derived.
        compile: whether the network goes through ``torch.compile``.
        micro_batch: images per forward pass where the whole batch does not fit.
    """

    artifact: Path
    architecture: str
    seed_value: int
    compile: bool = False
    micro_batch: int | None = None

    def work(self, progress: Heard) -> Trained:
        """Train and test."""
        from ccbench.archive import CompressedDataset
        from ccbench.training import evaluate

        started = datetime.now(UTC).isoformat(timespec="seconds")
        splits, recipe, device = self.context.splits(), self.context.recipes, chosen_device(self.context.device)
        compressed = CompressedDataset.open(self.artifact)
        full = DataShape(*compressed.meta["full"]) if "full" in compressed.meta else splits.train.shape
        kept = compressed.meta.get("kept")
        teacher, taught = None, None
        if recipe.train.labels == "teacher":
            teacher, taught = _teacher(self.context, progress)
        outcome = evaluate(
            compressed,
            splits.test,
            protocol=recipe,
            architecture=self.architecture,
            full=full,
            kept_images=Budget(Fraction(kept)).images(full) if kept else len(compressed),
            teacher=teacher,
            seed=self.seed_value,
            device=device,
            micro_batch=self.micro_batch,
            compile=self.compile,
            progress=progress,
            plugins=plugins(),
        )
        where = environment(device)
        if self.compile:  # other kernels, other rounding
            where["compiled"] = "true"
        if self.micro_batch is not None:  # batch normalisation saw fewer images at a time
            where["micro_batch"] = str(self.micro_batch)
        return Trained(
            **asdict(outcome),
            teacher_accuracy=taught.teacher_accuracy if taught else None,
            teacher_bytes=taught.teacher_bytes if taught else None,
            environment=where,
            started=started,
        )


@dataclass(frozen=True, kw_only=True)
class Teaching(Work):
    """Train or import the teacher of a protocol on a dataset and test it."""

    def work(self, progress: Heard) -> Taught:
        """Train or import, and test."""
        return _teacher(self.context, progress)[1]


def _teacher(context: Context, progress: Heard) -> tuple[Teacher, Taught]:
    """The teacher of a run, and what records say of it."""
    from ccbench.methods.task import Task
    from ccbench.stages.teacher import load_teacher, tested

    bench = context.bench(progress)
    teacher = load_teacher(Task.whole(bench))
    return teacher, Taught(
        teacher=teacher.name,
        teacher_accuracy=tested(bench, teacher, context.splits().test),
        teacher_bytes=teacher.bytes,
        teacher_weights=teacher.weights,
    )


def _unheard(done: int, total: int, what: str = "") -> None:
    """Progress that nobody follows."""


@contextlib.contextmanager
def _logged(log: Path | None, heard: Heard | None = None) -> Iterator[Heard]:
    """Send this process's output to ``log.log`` and its progress to ``log.progress``, as ``done total what``."""
    if log is None:
        yield heard or _unheard
        return
    log.parent.mkdir(parents=True, exist_ok=True)
    last, told = 0.0, ""

    def progress(done: int, total: int, what: str = "") -> None:
        nonlocal last, told
        now = time.monotonic()
        if now - last > 0.5 or what != told:  # other work is said at once: it may say nothing more for long
            last, told = now, what
            part = log.with_suffix(".part")
            part.write_text(json.dumps([done, total, what]))
            part.replace(log.with_suffix(".progress"))

    with log.with_suffix(".log").open("a", buffering=1) as file:
        saved = os.dup(1), os.dup(2)
        sys.stdout.flush()
        sys.stderr.flush()
        try:
            os.dup2(file.fileno(), 1)
            os.dup2(file.fileno(), 2)
            yield progress
        except BaseException:
            import traceback

            traceback.print_exc(file=file)
            raise
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            os.dup2(saved[0], 1)
            os.dup2(saved[1], 2)
            for handle in saved:
                os.close(handle)
            log.with_suffix(".progress").unlink(missing_ok=True)
