"""Train on one compressed file, and record it like any other cell."""

from __future__ import annotations

from contextlib import nullcontext
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

from ccbench.archive import CompressedDataset
from ccbench.archive.origin import open_origin, source_of
from ccbench.coding import names
from ccbench.data import DataSource
from ccbench.errors import UserError
from ccbench.files import file_digest
from ccbench.leaderboard.escaping import clean
from ccbench.methods.teacher_source import TeacherSource
from ccbench.offers.discovery import plugins
from ccbench.offers.expressions import Expression, parse, read_call
from ccbench.records.cells import Cell
from ccbench.records.facts import Compressed, Trained
from ccbench.records.origin import origin
from ccbench.records.out_folder import claimed
from ccbench.records.record import Record, named, read_all, write_record
from ccbench.runner.alone import alone
from ccbench.runner.artifacts import plugins_of
from ccbench.runner.device import check_device
from ccbench.runner.display import Watch
from ccbench.runner.plan import Conditions, Data, Request, canonical, option_text
from ccbench.runner.training import Training
from ccbench.runner.work import Context
from ccbench.store import default_store
from ccbench.training import load_protocol
from ccbench.training.parallel import launched, leads


def evaluate_file(
    file: Path,
    *,
    dataset: str | None = None,
    architecture: str | None = None,
    protocol: str | None = None,
    seed: int | None = None,
    base_seed: int | None = None,
    teacher: TeacherSource | None = None,
    source: DataSource,
    device: str | None = None,
    precision: str | None = None,
    threads: int = 1,
    compile: bool = False,  # noqa: A002 - torch's word
    out: Path,
) -> tuple[Record, Path]:
    """Train a network on a ``.ccb`` file, test it, write one record.

    Args:
        file: made by ``ccbench compress`` or by a run.
        dataset: whose test split; None for the one the file was made from.
        architecture: None for the protocol's own.
        protocol: None for the one that the file was made under, otherwise ``quick``.
        seed, base_seed: index of the repetition, and what its seed is derived from; None for the file's own, otherwise
            0.
        teacher: instead of the protocol's own.
        source: where the dataset comes from.
        precision: number format of the training; None for the protocol's own.
        threads: those that are part of the row, see :func:`ccbench.machine.counted_threads`.
        out: the folder whose ``results/`` gets the record.

    Returns:
        The record and its path; where several processes train together, the first one writes it.

    Raises:
        UserError: the file is damaged, names no dataset or another's classes, may hold images of the test split,
            or ``out`` is held by a run.
    """
    compressed = CompressedDataset.open(file)
    dataset = dataset or compressed.meta.get("dataset")
    if not dataset:
        raise UserError(f"{file} does not say which dataset it was made from", mend="add --dataset NAME")
    offers = plugins()
    dataset = canonical(dataset, offers)
    source = source_of(compressed, dataset, source)
    check_device(device)
    meta = compressed.meta
    protocol, seed = protocol or meta.get("protocol") or "quick", meta.get("seed") or 0 if seed is None else seed
    base_seed = meta.get("base_seed", 0) if base_seed is None else base_seed
    recipe = load_protocol(protocol, offers).at(precision)
    network = read_call("architecture", architecture or recipe.architecture, offers).label
    store = default_store()
    splits = open_origin(file, compressed, dataset, source, plugins=offers, cache=store.root)
    if splits.drawn and compressed.meta.get("dataset_digest", splits.train.digest) != splits.train.digest:
        raise UserError(
            f"{file} was not made from the training split of {dataset} and may hold images of its test split",
            found="the test split is drawn from the images of its classes",
            mend=f"ccbench compress --dataset {dataset} ..., or name a dataset with its own test split by --dataset",
        )
    shape = splits.train.shape
    kept = Fraction(compressed.meta["kept"]) if "kept" in compressed.meta else compressed.nominal_kept(shape)
    data = Data(shape, splits.train.digest, splits.test.digest, option_text(source))
    match, coding = compressed.meta.get("match", "nominal"), names.check(compressed.meta.get("coding", "none"))
    request = Request(
        methods=(),
        base_seed=base_seed,
        match=match,
        teacher=teacher or TeacherSource(),
        precision=precision,
        threads=threads,
    )
    under, digest = Conditions(recipe, request, offers), file_digest(file)
    cell = _cell(compressed, under, dataset, data, kept, network, seed, coding)
    if cell is None:  # a row of its own: a run must not take it for one of its cells
        versions = "+".join(compressed.meta.get("versions", ["?"]))
        cell = replace(
            under.cell(dataset, data, Expression(()), kept, network, coding=coding),
            method=_title(compressed.meta.get("method", ""), file),
            method_version=f"{versions} {digest[:12]}",
            made=digest[:12],
            seed=seed,
        )
    with claimed(out) if leads() else nullcontext():
        with Watch(cell.title, "training") if leads() else nullcontext() as heard:
            context = Context.of(
                cell,
                source=source,
                cache=store.root,
                device=device,
                precision=precision,
                teacher=request.teacher,
                plugins=[*plugins_of(dataset, protocol, network, "", request.teacher, offers)],
                entry=splits.key,
            )
            training = Training(
                context=context, artifact=file, architecture=network, seed_value=cell.seed_value, compile=compile
            )
            outcome = training.run(heard) if launched() else Trained.from_plain(alone(training, heard))
            outcome.environment.update(origin(context.plugins or ()))
        facts = Compressed(
            sha256=digest,
            bytes=file.stat().st_size,
            images=len(compressed),
            classes=shape.classes,
            nominal_kept=compressed.nominal_kept(shape),
            measured_kept=file.stat().st_size / shape.raw_bytes,
        )
        before = [r.attempt for r in read_all(out)[0] if r.cell == cell.id]
        record = Record.of(
            cell,
            "ok",
            attempt=max(before, default=0) + 1,
            planned_seeds=1,
            artifact=file,
            file=facts,
            outcome=outcome,
        )
        return record, write_record(record, out) if leads() else record.path(out)


def _title(method: str, file: Path) -> str:
    """What the row of a file is called that is no cell of a run."""
    return f"{method if named(method) else 'file'} ({clean(file.name)})"


def _cell(
    compressed: CompressedDataset,
    under: Conditions,
    dataset: str,
    data: Data,
    kept: Fraction,
    network: str,
    seed: int,
    coding: str,
) -> Cell | None:
    """The cell of a run that would train on this very file; None where there is none."""
    meta = compressed.meta
    if meta.get("content") != compressed.content_digest():  # somebody took the description of another file along
        return None
    try:
        expression = parse(meta["method"], under.plugins)
        cell = replace(under.cell(dataset, data, expression, kept, network, coding=coding), seed=seed)
    except (UserError, KeyError):
        return None
    return cell if cell.made == meta.get("made") and meta.get("seed") in (None, seed) else None
