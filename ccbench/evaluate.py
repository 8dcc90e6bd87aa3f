"""Train on one compressed file, and record it like any other cell."""

from __future__ import annotations

from contextlib import nullcontext
from fractions import Fraction
from pathlib import Path
from typing import Any

from ccbench import results
from ccbench.archive import CompressedDataset
from ccbench.bookkeeping import make_record, seed_value
from ccbench.cells import Cell
from ccbench.data import DataSource
from ccbench.display import Watch
from ccbench.errors import UserError
from ccbench.executors import Finished
from ccbench.expressions import parse
from ccbench.origin import open_origin, source_of
from ccbench.out_folder import claimed
from ccbench.plugins import Plugins, plugins
from ccbench.store import default_store, file_digest
from ccbench.teacher_source import TeacherSource
from ccbench.training import load_protocol
from ccbench.training.parallel import leads
from ccbench.work import check_device, evaluate_item


def evaluate_file(
    file: Path,
    *,
    dataset: str | None = None,
    architecture: str | None = None,
    protocol: str = "quick",
    seed: int = 0,
    base_seed: int = 0,
    teacher: TeacherSource | None = None,
    source: DataSource,
    device: str | None = None,
    compile: bool = False,  # noqa: A002 - torch's word
    out: Path,
) -> tuple[dict[str, Any], Path]:
    """Train a network on a ``.ccb`` file, test it, write one record.

    Args:
        file: made by ``ccbench compress`` or by a run.
        dataset: whose test split; None for the one the file was made from.
        architecture: None for the protocol's own.
        seed: index of the repetition.
        teacher: instead of the protocol's own.
        source: where the dataset comes from.
        out: the folder whose ``results/`` gets the record.

    Returns:
        The record and its path; where several processes train together, the first one writes it.

    Raises:
        UserError: the file is damaged, names no dataset or another's classes, or ``out`` is held by a run.
    """
    compressed = CompressedDataset.open(file)
    dataset = dataset or compressed.meta.get("dataset")
    if not dataset:
        raise UserError(f"{file} does not say which dataset it was made from", mend="add --dataset NAME")
    source = source_of(compressed, dataset, source)
    found = plugins()
    check_device(device)
    recipe = load_protocol(protocol, found)
    network = architecture or recipe.architecture
    found.get("architecture", network)
    store = default_store()
    splits = open_origin(file, compressed, dataset, source, plugins=found, cache=store.root)
    shape = splits.train.shape
    kept = Fraction(compressed.meta["kept"]) if "kept" in compressed.meta else compressed.nominal_kept(shape)
    versions = "+".join(compressed.meta.get("versions", ["?"]))
    method = compressed.meta.get("method", file.stem)
    if not _of_a_run(compressed.meta, splits.train.digest, base_seed, found):
        # a row of its own: a run must not take it for one of its cells
        method, versions = f"{method} ({file.name})", f"{versions} {file_digest(file)[:12]}"
    version = found.get("architecture", network).version
    tutor = teacher if teacher and recipe.train.labels == "teacher" else TeacherSource()
    cell = Cell(
        dataset, method, versions, kept, network, protocol, recipe.version, seed, base_seed, "nominal", "", version,
        tutor.label,
    )  # fmt: skip
    with claimed(out) if leads() else nullcontext():
        with Watch(cell.title, "training") if leads() else nullcontext() as heard:
            value = evaluate_item(
                dataset=dataset,
                source=source.plain(),
                cache=str(store.root),
                artifact=str(file),
                protocol=protocol,
                architecture=network,
                seed=seed_value(cell),
                base_seed=base_seed,
                teacher=tutor.plain() if tutor.label else None,
                device=device,
                compile=compile,
                heard=heard,
            )
        facts = {
            "bytes": file.stat().st_size,
            "images": len(compressed),
            "nominal_kept": str(compressed.nominal_kept(shape)),
            "measured_kept": file.stat().st_size / shape.raw_bytes,
        }
        before = [r["attempt"] for r in results.read_all(out)[0] if r["cell"] == cell.id]
        record = make_record(
            cell,
            Finished(cell.id, "ok", value=value),
            digest=splits.train.digest,
            test_digest=splits.test.digest,
            attempt=max(before, default=0) + 1,
            planned_seeds=1,
            artifact=file,
            facts=facts,
        )
        return record, results.write(record, out) if leads() else results.path_of(record, out)


def _of_a_run(meta: dict[str, Any], digest: str, base_seed: int, found: Plugins) -> bool:
    """Whether a run's cell would train on this very file: then the record is that cell's."""
    try:
        expression = parse(meta["method"], found)
    except (UserError, KeyError):
        return False
    return (
        not expression.random  # every seed of a run compresses anew
        and not expression.needs  # the file does not say whose proxy recipe was used
        and "match" not in meta
        and [step.spec.version for step in expression.steps] == meta.get("versions")
        and (digest, base_seed) == (meta.get("dataset_digest"), meta.get("base_seed"))
    )
