"""Levels 2 and 3: the file is made again, networks are trained again, by the very items of a run."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path

from ccbench.data import DataSource, open_dataset
from ccbench.errors import UserError
from ccbench.executors import Finished
from ccbench.machine import workers
from ccbench.methods.teacher_source import TeacherSource
from ccbench.offers.expressions import Expression, read_call
from ccbench.records.artifacts import held
from ccbench.records.cells import Cell
from ccbench.records.facts import Compressed, Trained
from ccbench.records.record import Record
from ccbench.records.verdicts import Verdict, write_verdict
from ccbench.runner.artifacts import Items
from ccbench.runner.compressing import Measurement
from ccbench.runner.device import on_gpu
from ccbench.runner.execute import given
from ccbench.runner.guarded import Guarded
from ccbench.runner.plan import Data, Plan, option_text
from ccbench.runner.schedule import Artifact, ArtifactEnded, Scheduler
from ccbench.verification.agreement import judge, of_row
from ccbench.verification.claims import as_cell
from ccbench.verification.findings import UNSEEN, WRONG, Finding, differs
from ccbench.verification.installed import Installed
from ccbench.verification.look import Subject
from ccbench.verification.parts import parts

Told = Callable[[str], None]
_EXACT = ("bytes", "images", "classes", "picture")
_REAL = ("nominal_ratio", "measured_ratio", "colorfulness", "color_distance")


@dataclass(frozen=True, kw_only=True)
class How:
    """How work is done again.

    Attributes:
        recompress: whether files are made again; where a stored one is missing they are anyway.
        retrain: whether networks are trained again, on the stored file where it is there.
        workspace: an empty folder.
        cache: the store's.
        told: hears a line for each thing that ended.
        jobs, threads, device, timeout: as in :class:`ccbench.runner.execute.Options`.
    """

    recompress: bool
    retrain: bool
    workspace: Path
    cache: Path
    told: Told = lambda line: None
    jobs: int | None = None
    threads: int | None = None
    device: str | None = None
    timeout: float | None = None


@dataclass
class _Work:
    """One record's work: the cell, the artifacts behind it, and what came of them."""

    subject: Subject
    record: Record
    cell: Cell
    entry: str
    source: DataSource
    teacher: TeacherSource
    expression: Expression | None
    stored: Path | None
    made: Artifact | None = None
    trained_on: Artifact | None = None


@dataclass
class _Ended:
    """What came of artifacts, by their paths, and of cells, by their ids."""

    files: dict[Path, tuple[Finished, Compressed | None]] = field(default_factory=dict)
    cells: dict[str, tuple[Finished, Trained | None]] = field(default_factory=dict)


def again(
    chosen: Sequence[Subject], others: Iterable[Record], installed: Installed, how: How
) -> dict[Path, list[Finding]]:
    """Do the work of records again and write down what came of it beside them.

    Args:
        chosen: of ok records.
        others: every record that may be of their rows: an interval is derived from the seeds.
        installed: plugins and data.
        how: see :class:`How`.

    Returns:
        By the path of a record what its own work says against it, or why it could not be done.

    Raises:
        UserError: a folder cannot be written.
    """
    found: dict[Path, list[Finding]] = defaultdict(list)
    groups: dict[tuple[object, ...], list[_Work]] = defaultdict(list)
    for subject in chosen:
        record = subject.record
        assert record is not None
        try:
            work = _prepared(subject, record, installed, how)
        except UserError as error:
            text = f"cannot be done again here: {error.what}" + (f" ({error.found})" if error.found else "")
            found[subject.path].append(Finding(UNSEEN, "method", text))
            continue
        key = record.options, record.precision, work.teacher, record.environment.get("compiled"), record.threads
        groups[key].append(work)
    pool = [*others]
    for number, group in enumerate(groups.values()):
        place = how.workspace / str(number)
        ended = _done(group, installed, replace(how, workspace=place))
        for work in group:
            verdict, findings = _judged(work, ended, pool)
            found[work.subject.path] += findings
            if work.subject.out is not None and (verdict.file or verdict.training):
                write_verdict(verdict, work.record, work.subject.out)
    return found


def _prepared(subject: Subject, record: Record, installed: Installed, how: How) -> _Work:
    """What is needed to do a record's work again.

    Raises:
        UserError: it would be other work here.
    """
    source = installed.source(record)
    splits = open_dataset(record.dataset, plugins=installed.plugins, source=source, cache=how.cache)
    data = Data(splits.train.shape, splits.train.digest, splits.test.digest, option_text(source), splits.key)
    if data.digest != record.dataset_digest:
        raise UserError(f"{record.dataset} has other training images here")
    if data.test_digest != record.test_digest:
        raise UserError(f"{record.dataset} has other test images here")
    stored = held(record, subject.out) if subject.out else None
    under = installed.conditions(record, training=not how.recompress and stored is not None)
    mine = under.cell(record.dataset, data, Expression(()), record.kept, record.architecture, coding=record.coding)
    if how.retrain and mine.trained != record.trained:
        raise UserError("its training here is another: the recipe, the network or the teacher has another version")
    expression = None
    if how.recompress or stored is None:
        if record.lone:
            raise UserError("its file is not here, and the record does not say what made it")
        expression, here = installed.expression(record), installed.cell(record, data)
        if here.made != record.made:
            text = f"{record.method} version {record.method_version} recorded, {here.method_version} here"
            raise UserError("its file is made by other versions here", found=f"{text}; stages count too")
    teacher = under.request.teacher
    return _Work(subject, record, as_cell(record), data.entry, source, teacher, expression, stored)


def _done(group: list[_Work], installed: Installed, how: How) -> _Ended:
    """Make and train what a group of records asks for, by one executor."""
    first = group[0]
    items = Items(
        out=how.workspace,
        cache=how.cache,
        source=first.source,
        plugins=installed.plugins,
        device=how.device,
        compile=first.record.environment.get("compiled") == "true",
        timeout=how.timeout,
        entries={work.record.dataset: work.entry for work in group},
        teacher=first.teacher,
        precision=first.record.precision,
    )
    artifacts = [*_to_make(group, items, how), *(_to_train(group, items, how) if how.retrain else [])]
    jobs, threads = workers(how.jobs, how.threads, gpu=on_gpu(how.device), dataset_bytes=0)
    jobs = min(jobs, max(1, sum(max(1, len(a.cells)) for a in artifacts)))
    runner = Guarded(read_call("executor", "local", installed.plugins), jobs=jobs, memory_limit=None, threads=threads)
    ended = _Ended()
    scheduler = Scheduler(runner, artifacts, items.evaluate, items.smaller_batch)
    try:
        while (events := scheduler.step(0.25)) is not None:
            for event in events:
                if isinstance(event, ArtifactEnded):
                    ended.files[event.artifact.path] = given(Compressed, event.finished)
                    how.told(f"{event.finished.status}: {event.artifact.path.name}")
                else:
                    finished, outcome = given(Trained, event.finished)
                    ended.cells[event.cell.id] = finished, outcome
                    more = f"accuracy {outcome.accuracy:.2%}" if outcome else finished.reason
                    how.told(f"{finished.status}: {event.cell.title}: {more}")
    except BaseException:
        runner.close(cancel=True)
        raise
    runner.close()
    return ended


def _to_make(group: list[_Work], items: Items, how: How) -> list[Artifact]:
    """The files to be made again, each once; those that nothing stored stands for are trained on."""
    wanted = [work for work in group if work.expression is not None]
    cells = {work.cell.id: work.cell for work in wanted}
    names = {work.cell.method: work.expression for work in wanted if work.expression}
    artifacts = items.artifacts(Plan(cells=[*cells.values()], expressions=names), done=())
    for artifact in artifacts:
        ids = {cell.id for cell in artifact.cells}
        mine = [work for work in wanted if work.cell.id in ids]
        for work in mine:
            work.made = artifact
            work.trained_on = artifact if work.stored is None else None
        train = {work.cell.id for work in mine if how.retrain and work.stored is None}
        artifact.cells = [cell for cell in artifact.cells if cell.id in train]
    return artifacts


def _to_train(group: list[_Work], items: Items, how: How) -> list[Artifact]:
    """The stored files, measured again before networks are trained on them."""
    found: dict[Path, Artifact] = {}
    for work in group:
        if work.stored is None:
            continue
        if work.stored not in found:
            measuring = Measurement(
                context=replace(items.context(work.cell), plugins=[]),
                log=how.workspace / "logs" / f"{work.cell.id}-measure",
                method=work.record.method,
                kept=work.record.kept,
                match=work.record.match,
                steps=work.record.method.count("+") + 1,
                reference=work.record.lone or work.record.kept == 1,
                artifact=work.stored,
                made={},
                beside=False,
            )
            found[work.stored] = Artifact(work.stored, None, measuring.item(f"{work.cell.id}-measure", how.timeout))
        work.trained_on = found[work.stored]
        if work.cell.id not in {cell.id for cell in work.trained_on.cells}:
            work.trained_on.cells.append(work.cell)
    return [*found.values()]


def _judged(work: _Work, ended: _Ended, others: list[Record]) -> tuple[Verdict, list[Finding]]:
    """What became of a record's work, and what that says against it."""
    record, found = work.record, list[Finding]()
    verdict = Verdict(record=record.checksum, cell=record.cell, finished=_now())
    if work.made is not None and work.made.path in ended.files:
        finished, facts = ended.files[work.made.path]
        verdict = _of_file(verdict, work, finished, facts)
        if verdict.file in ("differs", "failed"):
            kind = WRONG if verdict.file == "differs" else UNSEEN
            found.append(Finding(kind, "artifact_sha256", f"made again: {verdict.file_text}"))
        elif facts:
            found += _measures(record, facts)
    if work.trained_on is not None and work.record.cell in ended.cells:
        finished, outcome = ended.cells[record.cell]
        measured = ended.files.get(work.trained_on.path)
        if work.trained_on is not work.made and measured and measured[1]:
            found += _measures(record, measured[1])
        verdict = _of_training(verdict, record, finished, outcome, others)
        if verdict.training in ("outside", "failed"):
            kind = WRONG if verdict.training == "outside" else UNSEEN
            found.append(Finding(kind, "accuracy", f"trained again: {verdict.training_text}"))
    return verdict, found


def _of_file(verdict: Verdict, work: _Work, finished: Finished, facts: Compressed | None) -> Verdict:
    assert work.made is not None
    if facts is None:
        return replace(verdict, file="failed", file_text=finished.reason or finished.status)
    if facts.sha256 == work.record.artifact_sha256:
        return replace(verdict, file="same", file_sha256=facts.sha256)
    if work.stored is None:
        text = f"{facts.bytes:,} bytes of another digest; the stored file is not here to say in what"
    else:
        text = f"{facts.bytes:,} bytes; {parts(work.stored, work.made.path)} differ"
    return replace(verdict, file="differs", file_sha256=facts.sha256, file_text=text)


def _of_training(
    verdict: Verdict, record: Record, finished: Finished, outcome: Trained | None, others: list[Record]
) -> Verdict:
    if outcome is None:
        return replace(verdict, training="failed", training_text=finished.reason or finished.status)
    word, margin, text = judge(record, outcome, of_row(record, others))
    return replace(
        verdict,
        training=word,
        accuracy=outcome.accuracy,
        final_loss=outcome.final_loss,
        margin=margin,
        training_text=text,
        environment=outcome.environment,
    )


def _measures(record: Record, facts: Compressed) -> list[Finding]:
    """What was measured again against what was recorded."""
    now = {"nominal_ratio": float(1 - facts.nominal_kept), "measured_ratio": 1 - facts.measured_kept}
    found = []
    for name in (*_EXACT, *_REAL):
        said, here = getattr(record, name), now.get(name, getattr(facts, name, None))
        if said is None or here is None:
            continue
        near = math.isclose(said, here, rel_tol=1e-6, abs_tol=1e-9) if name in _REAL else said == here
        if not near:
            found.append(differs(name, said, here, "measured again it is"))
    return found


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
