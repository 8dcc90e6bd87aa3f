"""``ccbench run`` for Python."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ccbench.data import TEST_SHARE, DataSource
from ccbench.machine import counted_threads
from ccbench.methods.teacher_source import TeacherSource
from ccbench.offers.expressions import split
from ccbench.records.record import latest, read_all
from ccbench.runner.execute import Options, execute
from ccbench.runner.plan import Request

if TYPE_CHECKING:
    import pandas as pd

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
    coding: str | Iterable[str] = (),
    teacher: str | os.PathLike[str] | None = None,
    teacher_arch: str | None = None,
    precision: str | None = None,
    out: str | os.PathLike[str] = "ccbench-out",
    data_root: str | os.PathLike[str] | None = None,
    download: bool = False,
    image_size: int | None = None,
    skip_bad: bool = False,
    test_share: float = TEST_SHARE,
    display: str = "quiet",
    **options: Any,
) -> pd.DataFrame:
    """Compress, train, and give one row per cell: ``ccbench run`` for Python.

    Args:
        methods: method expressions, a list or a comma-separated string.
        ratio, bits, fraction, ipc, bytes: one budget or a list of them; ratio is the
            fraction of raw bytes that is *removed*, in (0, 1).
        dataset: one name, commas and all (``"folder:/my/a,b"``), or a list of names.
        arch, protocol: one name or a list.
        seeds: trainings per row.
        base_seed: what every seed is derived from.
        snap: whether budgets move to the palette grid when a method needs it.
        match: ``"nominal"`` or ``"bytes"``.
        coding: how files are made smaller without changing a pixel, one or a list of ``"none"``, ``"best"``,
            ``"rans"``, ``"jxl"``, ``"webp"``, ``"zstd"``; default: best where files are held to bytes, otherwise none.
        teacher, teacher_arch: weights and network of the teacher; default: the protocol trains its own.
        precision: ``"float32"`` or ``"bfloat16"``; default: what each protocol declares.
        out: the output folder; what is there already is not done again.
        data_root, download, image_size, skip_bad, test_share: where images come from.
        display: ``"quiet"``, ``"plain"``, ``"live"`` or ``"auto"``.
        options: fields of :class:`ccbench.runner.execute.Options`, such as ``jobs`` or ``timeout``.

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
        datasets=(dataset,) if isinstance(dataset, str) else tuple(dataset),
        architectures=tuple(_list(arch)),
        protocols=tuple(_list(protocol)),
        seeds=seeds,
        base_seed=base_seed,
        snap=snap,
        match=match,
        codings=tuple(_list(coding)),
        teacher=TeacherSource.of(None if teacher is None else Path(teacher), teacher_arch),
        precision=precision,
        threads=counted_threads(options.get("threads"), options.get("device")),
    )
    root = data_root or os.environ.get("CCBENCH_DATA")
    source = DataSource(Path(root) if root else None, download, "", image_size, skip_bad, test_share)
    summary = execute(request, Options(out=Path(out), source=source, display=display, **options))
    wanted = {c.id for c in summary.plan.cells}
    return pd.DataFrame([r.plain() for r in latest(read_all(Path(out))[0]) if r.cell in wanted])


def _list(value: Any) -> list[Any]:
    if value is None:
        return []
    if isinstance(value, str):
        return split(value)
    return list(value) if isinstance(value, Iterable) else [value]
