"""The two kinds of work items, as a worker process runs them: compress once, train on what is left."""

from __future__ import annotations

import contextlib
import json
import os
import platform
import sys
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ccbench.budget import Budget, DataShape
from ccbench.data import DataSource, Splits, open_dataset
from ccbench.errors import UserError
from ccbench.machine import any_gpu, use_threads, workers
from ccbench.methods.teacher_source import TeacherSource
from ccbench.offers.discovery import plugins
from ccbench.store import Store, atomic_write, file_digest

Heard = Callable[[int, int, str], None]  # done, total, what

if TYPE_CHECKING:
    from ccbench.methods.task import Workbench
    from ccbench.training.teacher import Teacher


def compress_item(
    *,
    dataset: str,
    source: dict[str, Any],
    cache: str,
    method: str,
    kept: str,
    match: str,
    seed: int,
    base_seed: int,
    protocol: str,
    device: str | None,
    artifact: str,
    log: str,
    made: str = "",
    beside: bool = True,
    precision: str | None = None,
    threads: int = 1,
    teacher: dict[str, Any] | None = None,
    heard: Heard | None = None,
) -> dict[str, Any]:
    """Compress a training set and write the artifact with its facts beside it.

    Args:
        dataset, source, cache: what :func:`ccbench.data.open_dataset` needs.
        method: label of a method expression.
        kept: the budget as a fraction, such as ``"1/12"``.
        match: ``"nominal"`` or ``"bytes"``.
        protocol: whose proxy and teacher recipes the stages use.
        artifact: the ``.ccb`` file to write.
        made: digest of everything that the file depends on beside the seed; kept in the file.
        precision, threads: of the networks that stages train; None is what the protocol declares.
        beside: whether a ``.json`` beside it gets the facts.
        log: where output and progress go, without suffix.
        teacher: fields of a TeacherSource; None for the protocol's own.
        heard: without a log, hears of the progress in this process.

    Returns:
        The facts: bytes, images, nominal_kept, compress_seconds, stage_seconds, warnings, sha256.
    """
    from ccbench.archive.origin import facts_of
    from ccbench.colors import color_distance, measure_compressed, measured
    from ccbench.methods.compress import compress
    from ccbench.methods.match_bytes import fit_bytes
    from ccbench.offers.expressions import parse

    with _logged(log, heard) as progress:
        _compute_with(threads, device)
        splits = _open(dataset, source, cache)
        expression = parse(method, plugins())
        bench = _workbench(splits, cache, protocol, base_seed, device, teacher, progress, precision, threads)
        shape, budget, path = splits.train.shape, Budget(Fraction(kept)), Path(artifact)
        warnings: list[str] = []
        options: dict[str, Any] = {
            "seed": seed,
            "watch": (cache, source.get("root"), source.get("argument") or None),
            "warnings": warnings,
            "meta": {
                "dataset": dataset,
                "dataset_digest": splits.train.digest,
                "method": method,
                "versions": [step.spec.version for step in expression.steps],
                "kept": kept,
                "seed": seed if expression.random else None,
                "base_seed": base_seed,
                "full": [shape.images, shape.height, shape.width, shape.classes],
                **facts_of(splits, DataSource.from_plain(source)),
                "made": made,
                **({"match": match} if match != "nominal" else {}),
            },
        }
        started = time.perf_counter()
        if match == "bytes" and not expression.reference:
            result, _ = fit_bytes(expression, budget.bytes(shape), bench, path, **options)
        else:
            result = compress(expression, budget, bench, **options)
            result.save(path)
        seconds, size = time.perf_counter() - started, path.stat().st_size  # what a method says of its file is no size
        colors = measure_compressed(result)
        facts = {
            "bytes": size,
            "sha256": file_digest(path),
            "images": len(result),
            "nominal_kept": str(result.nominal_kept(shape)),
            "measured_kept": size / shape.raw_bytes,
            "compress_seconds": seconds - sum(bench.stage_seconds.values()),
            "stage_seconds": bench.stage_seconds,
            "peak_memory": _peak_memory(),
            "colorfulness": colors.colorfulness,
            "color_distance": color_distance(measured(splits.train, bench.store), colors),
            "warnings": warnings,
        }
        if beside:
            atomic_write(path.with_suffix(".json"), json.dumps(facts, indent=1))
        return facts


def prepare_item(
    *,
    dataset: str,
    source: dict[str, Any],
    cache: str,
    method: str,
    kept: str,
    seed: int,
    base_seed: int,
    protocol: str,
    device: str | None,
    part: int,
    parts: int,
    log: str,
    precision: str | None = None,
    threads: int = 1,
    teacher: dict[str, Any] | None = None,
) -> None:
    """Do one share of a compression and leave it in the store.

    Args:
        part: 0 .. parts-1; the others as for :func:`compress_item`.
    """
    from ccbench.methods.compress import prepare
    from ccbench.offers.expressions import parse

    with _logged(log) as progress:
        _compute_with(threads, device)
        splits = _open(dataset, source, cache)
        bench = _workbench(splits, cache, protocol, base_seed, device, teacher, progress, precision, threads)
        prepare(parse(method, plugins()), Budget(Fraction(kept)), bench, part=part, parts=parts, seed=seed)


def evaluate_item(
    *,
    dataset: str,
    source: dict[str, Any],
    cache: str,
    artifact: str,
    protocol: str,
    architecture: str,
    seed: int,
    base_seed: int,
    device: str | None,
    precision: str | None = None,
    threads: int = 1,
    teacher: dict[str, Any] | None = None,
    compile: bool = False,  # noqa: A002 - torch's word
    micro_batch: int | None = None,
    log: str = "",
    heard: Heard | None = None,
) -> dict[str, Any]:
    """Train one network on an artifact and test it once.

    Args:
        artifact: a ``.ccb`` file.
        seed: the seed value, already derived.
        base_seed: what the teacher's seed is derived from.
        teacher: fields of a TeacherSource; None for the protocol's own.
        micro_batch: images per forward pass where the whole batch does not fit.
        heard: as for :func:`compress_item`.

    Returns:
        The training outcome as plain data, and the environment it was measured in.
    """
    from dataclasses import asdict

    from ccbench.archive import CompressedDataset
    from ccbench.training import evaluate, load_protocol

    started = datetime.now(UTC).isoformat(timespec="seconds")
    with _logged(log, heard) as progress:
        _compute_with(threads, device)
        splits = _open(dataset, source, cache)
        compressed = CompressedDataset.open(artifact)
        full = DataShape(*compressed.meta["full"]) if "full" in compressed.meta else splits.train.shape
        kept = compressed.meta.get("kept")
        recipe = load_protocol(protocol, plugins()).at(precision)
        tutor: Teacher | None = None
        taught: dict[str, Any] = {}
        if recipe.train.labels == "teacher":
            bench = _workbench(splits, cache, protocol, base_seed, device, teacher, progress, precision, threads)
            tutor, taught = _teacher(bench, splits)
        outcome = evaluate(
            compressed,
            splits.test,
            protocol=recipe,
            architecture=architecture,
            full=full,
            kept_images=Budget(Fraction(kept)).images(full) if kept else len(compressed),
            teacher=tutor,
            seed=seed,
            device=_device(device),
            micro_batch=micro_batch,
            compile=compile,
            progress=progress,
            plugins=plugins(),
        )
        facts = environment(_device(device))
        if compile:  # other kernels, other rounding
            facts["compiled"] = "true"
        if micro_batch is not None:  # batch normalisation saw fewer images at a time
            facts["micro_batch"] = str(micro_batch)
        return {**asdict(outcome), **taught, "environment": facts, "started": started}


def teacher_item(
    *,
    dataset: str,
    source: dict[str, Any],
    cache: str,
    protocol: str,
    base_seed: int,
    device: str | None,
    precision: str | None = None,
    threads: int = 1,
    teacher: dict[str, Any] | None = None,
    log: str = "",
) -> dict[str, Any]:
    """Train or import the teacher of a protocol on a dataset and test it.

    Returns:
        teacher (its name), teacher_accuracy (a fraction), teacher_bytes and teacher_weights (which of a file's).
    """
    with _logged(log) as progress:
        _compute_with(threads, device)
        splits = _open(dataset, source, cache)
        return _teacher(
            _workbench(splits, cache, protocol, base_seed, device, teacher, progress, precision, threads), splits
        )[1]


def _teacher(bench: Workbench, splits: Splits) -> tuple[Teacher, dict[str, Any]]:
    """The teacher of a run, and what records say of it."""
    from ccbench.methods.task import Task
    from ccbench.stages.teacher import load_teacher, tested

    teacher = load_teacher(Task.whole(bench))
    accuracy = tested(bench, teacher, splits.test)
    return teacher, {
        "teacher": teacher.name,
        "teacher_accuracy": accuracy,
        "teacher_bytes": teacher.bytes,
        "teacher_weights": teacher.weights,
    }


def _workbench(
    splits: Splits,
    cache: str,
    protocol: str,
    base_seed: int,
    device: str | None,
    teacher: dict[str, Any] | None,
    progress: Any,
    precision: str | None,
    threads: int,
) -> Workbench:
    """Where the stages of an item run."""
    from ccbench.methods.task import Workbench
    from ccbench.training import load_protocol

    recipes = load_protocol(protocol, plugins()).at(precision)
    return Workbench(
        splits.train,
        Store(cache),
        plugins(),
        recipes.proxy,
        base_seed,
        _device(device),
        progress,
        recipes.teacher,
        TeacherSource.from_plain(teacher),
        threads,
    )


def environment(device: str) -> dict[str, str]:
    """What a figure was measured on."""
    import torch

    import ccbench

    name = (
        torch.cuda.get_device_name(device) if device.startswith("cuda") else platform.processor() or platform.machine()
    )
    return {
        "ccbench": ccbench.__version__,
        "python": platform.python_version(),
        "torch": torch.__version__,
        "device": name,
        "threads": str(torch.get_num_threads()),
        **({"tf32": "convolutions" if torch.backends.cudnn.allow_tf32 else "no"} if device.startswith("cuda") else {}),
        "system": platform.system(),
    }


def _open(dataset: str, source: dict[str, Any], cache: str) -> Splits:
    """A dataset, opened once for all the items of a worker."""
    key = json.dumps([dataset, source, cache], sort_keys=True)
    if key not in _opened:
        _opened[key] = open_dataset(dataset, plugins=plugins(), source=DataSource.from_plain(source), cache=Path(cache))
    return _opened[key]


_opened: dict[str, Splits] = {}


def check_device(asked: str | None) -> None:
    """Refuse a device that this machine does not have before any work starts.

    Raises:
        UserError: it is no device, or there is none.
    """
    if asked is None or asked == "cpu":
        return
    import torch

    try:
        torch.empty(0, device=asked)
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        found = " ".join(str(error).split("\n")[0].split())[:200]
        raise UserError(f"device {asked!r} cannot be used", found=found, mend="--device cpu, or leave it out") from None


def on_gpu(asked: str | None) -> bool:
    """Whether a device, None for the best there is, is a GPU; imports torch only where there may be one."""
    return any_gpu() and _device(asked) != "cpu" if asked is None else asked != "cpu"


def use_machine(device: str | None, threads: int | None) -> None:
    """Give this process the threads that it computes with, before it does.

    Args:
        device: as a command is told, or None.
        threads: what was asked for, or None for ``OMP_NUM_THREADS``, otherwise one on a CPU and all cores on a GPU.
    """
    use_threads(workers(1, threads, gpu=on_gpu(device), dataset_bytes=0)[1])


def _compute_with(threads: int, device: str | None) -> None:
    """Give this process the threads that its results are recorded under, whoever started it; a GPU's are its own."""
    import torch

    if _device(device) == "cpu" and torch.get_num_threads() != threads:
        use_threads(threads)


def _device(asked: str | None) -> str:
    import torch

    return asked or ("cuda" if torch.cuda.is_available() else "cpu")


def _peak_memory() -> int:
    """Peak resident bytes of this process so far; on a GPU, peak allocated there."""
    import torch

    if torch.cuda.is_available():
        return int(torch.cuda.max_memory_allocated())
    try:
        import resource
    except ImportError:
        return 0
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


def _unheard(done: int, total: int, what: str = "") -> None:
    """Progress that nobody follows."""


@contextlib.contextmanager
def _logged(log: str, heard: Heard | None = None) -> Iterator[Any]:
    """Send this process's output to ``log.log`` and its progress to ``log.progress``, as ``done total what``."""
    if not log:
        yield heard or _unheard
        return
    path = Path(log)
    path.parent.mkdir(parents=True, exist_ok=True)
    last, told = 0.0, ""

    def progress(done: int, total: int, what: str = "") -> None:
        nonlocal last, told
        now = time.monotonic()
        if now - last > 0.5 or what != told:  # other work is said at once: it may say nothing more for long
            last, told = now, what
            part = path.with_suffix(".part")
            part.write_text(json.dumps([done, total, what]))
            part.replace(path.with_suffix(".progress"))

    with path.with_suffix(".log").open("a", buffering=1) as file:
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
            path.with_suffix(".progress").unlink(missing_ok=True)
