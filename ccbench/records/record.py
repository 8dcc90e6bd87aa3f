"""Records: one JSON file for each attempt at a cell. Standard library only."""

from __future__ import annotations

import hashlib
import json
import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

from ccbench.errors import UserError
from ccbench.records.cells import ROW, slug

SCHEMA = 1
STATUSES = ("ok", "failed", "timeout", "oom", "skipped")
FOLDER = "results"


@dataclass(frozen=True, kw_only=True)
class Record:
    """One attempt at a cell.

    Attributes:
        cell: the id of a :class:`ccbench.records.cells.Cell`.
        attempt: 1, 2, ... for one cell.
        status: ``ok``, ``failed``, ``timeout``, ``oom`` or ``skipped``; ``reason`` says why where it is not ``ok``.
        dataset .. teacher: the row, see :class:`ccbench.records.cells.Cell`; ``kept`` as text, such as ``"1/12"``.
        ratio: what was asked for (after snapping), the fraction of raw bytes removed, in [0, 1).
        nominal_ratio: by the papers' formula; ``measured_ratio`` from ``bytes``, the size of the file. May be below 0.
        images: in the compressed dataset.
        seed: index 0, 1, ...; ``seed_value`` in [0, 2**32).
        planned_seeds: how many seeds the run wanted for this row.
        accuracy: of the last epoch, a fraction in [0, 1]; ``best_accuracy`` of the best epoch where the protocol looks.
        teacher_accuracy: of the teacher on the test split, a fraction; ``teacher_bytes`` the size of its weights,
            which no ratio counts.
        colorfulness, color_distance: of the compressed images, see :mod:`ccbench.colors`.
        compress_seconds, train_seconds, stage_seconds: wall clock; the last by stage name.
        peak_memory: bytes.
        artifact: file name under ``artifacts/``.
        environment: versions, device, threads that were there.
        started, finished: ISO 8601 in UTC.
        checksum: sha256 over everything else; a record that does not fit it was changed by somebody.
    """

    schema: int = SCHEMA
    cell: str
    attempt: int = 1
    status: str
    reason: str = ""
    dataset: str
    dataset_digest: str = ""
    test_digest: str = ""
    options: str = ""
    method: str
    method_version: str = ""
    kept: str = ""
    match: str = "nominal"
    made: str = ""
    architecture: str
    architecture_version: str = ""
    protocol: str
    protocol_version: str = ""
    precision: str = ""
    threads: int | None = None
    trained: str = ""
    base_seed: int | None = None
    teacher: str = ""
    ratio: float
    nominal_ratio: float | None = None
    measured_ratio: float | None = None
    bytes: int | None = None
    images: int | None = None
    seed: int
    seed_value: int | None = None
    planned_seeds: int | None = None
    accuracy: float | None = None
    best_accuracy: float | None = None
    teacher_accuracy: float | None = None
    teacher_bytes: int | None = None
    colorfulness: float | None = None
    color_distance: float | None = None
    compress_seconds: float | None = None
    train_seconds: float | None = None
    stage_seconds: dict[str, float] = field(default_factory=dict)
    peak_memory: int | None = None
    artifact: str | None = None
    artifact_sha256: str | None = None
    environment: dict[str, Any] = field(default_factory=dict)
    started: str = ""
    finished: str = ""
    checksum: str = ""


def path_of(record: Record | Mapping[str, Any], out: str | Path) -> Path:
    """Where a record's file lies under ``out``."""
    facts = asdict(record) if isinstance(record, Record) else record
    folder = Path(out) / FOLDER / slug(facts["dataset"]) / slug(facts["method"])
    return folder / f"{facts['cell']}.{facts['attempt']}.json"


def write_record(record: Record | Mapping[str, Any], out: str | Path) -> Path:
    """Write one record, whole or not at all, and never over another one.

    Where the attempt's number is taken the next free one is used. NaN and infinity become null. The checksum is
    computed here.

    Returns:
        The file.

    Raises:
        UserError: the folder cannot be written.
        ValueError: the record breaks the schema, which is a defect of the caller.
    """
    from ccbench.store import atomic_write  # numpy: not for whoever only reads

    facts = asdict(record) if isinstance(record, Record) else dict(record)
    facts = _finite(facts)
    fault = _fault(facts)
    if fault:
        raise ValueError(f"not a record: {fault}")
    while (path := path_of(facts, out)).exists():
        facts["attempt"] += 1
    facts = json.loads(json.dumps(facts, allow_nan=False, default=str))
    facts["checksum"] = checksum(facts)
    atomic_write(path, json.dumps(facts, indent=1) + "\n")
    return path


def checksum(facts: Mapping[str, Any]) -> str:
    """The sha256 of a record's content: canonical JSON of every field but the checksum itself."""
    content = {name: value for name, value in facts.items() if name != "checksum"}
    text = json.dumps(content, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def read_all(*outs: str | Path) -> tuple[list[dict[str, Any]], list[str]]:
    """Every record under one or more output folders.

    Returns:
        The records in the order of their paths, every field of :class:`Record` present; and one line for
        each file left out because it is truncated, foreign, breaks the schema or does not fit its checksum.

    Raises:
        UserError: a record was written by a newer version.
    """
    found: list[dict[str, Any]] = []
    problems: list[str] = []
    paths = {path.resolve(): path for out in outs for path in (Path(out) / FOLDER).rglob("*.json")}
    for _, path in sorted(paths.items()):
        if path.name.startswith("."):
            continue  # another process's temporary file
        try:
            facts = json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError, RecursionError) as error:
            problems.append(f"{path}: not readable as JSON ({error})")
            continue
        if isinstance(facts, dict) and isinstance(facts.get("schema"), int) and facts["schema"] > SCHEMA:
            raise UserError(
                "a result record was written by a newer version of ccbench",
                found=f"schema {facts['schema']} in {path}; this version knows up to {SCHEMA}",
                mend="upgrade ccbench, or name another folder with --out",
            )
        fault = _fault(facts)
        if fault:
            problems.append(f"{path}: not a result record ({fault})")
            continue
        if facts.get("checksum") != checksum(facts):
            problems.append(f"{path}: its content does not fit its checksum; it was changed after it was written")
            continue
        found.append({**_DEFAULTS, "stage_seconds": {}, "environment": {}, **facts})
    return found, problems


def latest(records: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """One record for each cell, the one that counts: the last ok attempt, otherwise the last attempt."""
    best: dict[str, dict[str, Any]] = {}
    for record in records:
        other = best.get(record["cell"])
        if other is None or weight(record) >= weight(other):
            best[record["cell"]] = dict(record)
    return list(best.values())


def weight(record: Mapping[str, Any]) -> tuple[bool, str, int]:
    """Of two records of one seed the one with the greater weight counts."""
    return record["status"] == "ok", record.get("finished") or "", record["attempt"]


_DEFAULTS: dict[str, Any] = {f.name: f.default for f in fields(Record) if isinstance(f.default, (str, int, type(None)))}
_NEEDED = ("schema", "cell", "attempt", "status", "dataset", "method", "architecture", "protocol", "ratio", "seed")
_TEXT = (
    "cell",
    "status",
    "reason",
    "started",
    "finished",
    "checksum",
    *(name for name in ROW if name not in ("threads", "base_seed")),
)
_NUMBERS = (
    "ratio", "nominal_ratio", "measured_ratio", "bytes", "accuracy", "best_accuracy",
    "teacher_accuracy", "teacher_bytes", "colorfulness", "color_distance",
)  # fmt: skip


def _fault(facts: Any) -> str:
    """What breaks the schema, or an empty string."""
    if not isinstance(facts, dict):
        return f"a {type(facts).__name__} instead of an object"
    missing = [name for name in _NEEDED if facts.get(name) is None]
    if missing:
        return f"without {', '.join(missing)}"
    for name in _TEXT:
        if not isinstance(facts.get(name, ""), str):
            return f"{name} is {facts[name]!r}, not text"
    for name in ("schema", "attempt", "seed", "planned_seeds", "threads", "base_seed"):
        value = facts.get(name)
        if value is not None and (not isinstance(value, int) or isinstance(value, bool)):
            return f"{name} is {value!r}, not a whole number"
    for name in _NUMBERS:
        value = facts.get(name)
        number = isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)
        if value is not None and not number:
            return f"{name} is {value!r}, not a number"
    if facts["status"] not in STATUSES:
        return f"status {facts['status']!r}"
    if not re.fullmatch(r"[\w.-]{1,100}", facts["cell"]):
        return f"cell {facts['cell']!r}"
    accuracy = facts.get("accuracy")
    if facts["status"] == "ok" and (accuracy is None or not 0 <= accuracy <= 1):
        return f"accuracy {accuracy!r}, expected a fraction in [0, 1]"
    return ""


def _finite(value: Any) -> Any:
    """The same with null for NaN and infinity, which JSON does not have."""
    if isinstance(value, dict):
        return {str(k): _finite(v) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [_finite(v) for v in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
