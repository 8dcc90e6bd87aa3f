"""Records: one JSON file for each attempt at a cell. Standard library only, but for writing one."""

from __future__ import annotations

import hashlib
import json
import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import MISSING, asdict, dataclass, field, fields, replace
from datetime import UTC, datetime
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_type_hints

from ccbench.errors import UserError
from ccbench.records.cells import ROW, Cell, Row, slug

if TYPE_CHECKING:  # they read files, which takes numpy
    from ccbench.records.facts import Compressed, Trained

SCHEMA = 1
STATUSES = ("ok", "failed", "timeout", "oom", "skipped")
FOLDER = "results"
_MEAN = {"mean": True}  # a table shows the mean over the seeds


@dataclass(frozen=True, kw_only=True)
class Record(Row):
    """One attempt at a cell: its row, what became of it, and what was measured.

    The file holds these fields, ``kept`` as text such as ``"1/12"``; others in a file are passed over.

    Attributes:
        cell: the id of a :class:`ccbench.records.cells.Cell`.
        attempt: 1, 2, ... for one cell.
        status: ``ok``, ``failed``, ``timeout``, ``oom`` or ``skipped``; ``reason`` says why where it is not ``ok``.
        seed: index 0, 1, ...; ``seed_value`` in [0, 2**32).
        planned_seeds: how many seeds the run wanted for this row.
        ratio: what was asked for (after snapping), the fraction of raw bytes removed, in [0, 1).
        nominal_ratio: by the papers' formula; ``measured_ratio`` from ``bytes``, the size of the file. May be below 0.
        images, classes: in the compressed dataset.
        picture: width x height of its images where they are not of the dataset's own size, otherwise "".
        colorfulness, color_distance: of the compressed images, see :mod:`ccbench.colors`.
        compress_seconds, train_seconds, stage_seconds: wall clock; the last by stage name.
        construction_seconds: ``compress_seconds`` and what the stages that it needs took when they were made.
        accuracy: of the last epoch, a fraction in [0, 1]; ``best_accuracy`` of the best epoch where the protocol looks.
        final_loss, iterations, images_per_second: of the training.
        teacher_accuracy: of the teacher on the test split, a fraction; ``teacher_bytes`` the size of its weights,
            which no ratio counts.
        peak_memory: bytes, of the training.
        labels: what it learned from: ``hard``, ``soft`` (those of the file) or ``teacher``; "" where nobody wrote it.
        learned_lr: the learning rate that came with the images, where it was used.
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
    seed: int
    seed_value: int | None = None
    planned_seeds: int | None = None
    ratio: float
    nominal_ratio: float | None = field(default=None, metadata=_MEAN)
    measured_ratio: float | None = field(default=None, metadata=_MEAN)
    bytes: int | None = field(default=None, metadata=_MEAN)
    images: int | None = field(default=None, metadata=_MEAN)
    classes: int | None = None
    picture: str = ""
    colorfulness: float | None = field(default=None, metadata=_MEAN)
    color_distance: float | None = field(default=None, metadata=_MEAN)
    compress_seconds: float | None = field(default=None, metadata=_MEAN)
    stage_seconds: dict[str, float] = field(default_factory=dict)
    construction_seconds: float | None = field(default=None, metadata=_MEAN)
    accuracy: float | None = None
    best_accuracy: float | None = field(default=None, metadata=_MEAN)
    final_loss: float | None = None
    iterations: int | None = None
    images_per_second: float | None = None
    train_seconds: float | None = None
    teacher_accuracy: float | None = field(default=None, metadata=_MEAN)
    teacher_bytes: int | None = field(default=None, metadata=_MEAN)
    peak_memory: int | None = None
    labels: str = ""
    learned_lr: float | None = field(default=None, metadata=_MEAN)
    artifact: str | None = None
    artifact_sha256: str | None = None
    environment: dict[str, Any] = field(default_factory=dict)
    started: str = ""
    finished: str = ""
    checksum: str = ""

    @classmethod
    def of(
        cls,
        cell: Cell,
        status: str,
        reason: str = "",
        *,
        attempt: int,
        planned_seeds: int,
        artifact: Path | None = None,
        file: Compressed | None = None,
        outcome: Trained | None = None,
    ) -> Record:
        """The record of one attempt that ends now.

        Args:
            cell: what was attempted.
            status, reason, attempt, planned_seeds: see the attributes.
            artifact: the compressed file, where there is one.
            file: what is known of it.
            outcome: what its training gave, where it ended well.
        """
        measured = {name: getattr(outcome, name) for name in _OF_OUTCOME} if outcome else {}
        if file:
            measured |= {name: getattr(file, name) for name in _OF_FILE}
            measured |= {"nominal_ratio": float(1 - file.nominal_kept), "measured_ratio": 1 - file.measured_kept}
        return cls(
            **{name: getattr(cell, name) for name in ROW},
            cell=cell.id,
            attempt=attempt,
            status=status,
            reason=reason,
            seed=cell.seed,
            seed_value=cell.seed_value,
            planned_seeds=planned_seeds,
            ratio=cell.ratio,
            artifact=artifact.name if artifact and file else None,
            artifact_sha256=file.sha256 if artifact and file else None,
            finished=datetime.now(UTC).isoformat(timespec="seconds"),
            **measured,
        )

    @property
    def ok(self) -> bool:
        """Whether it has a number."""
        return self.status == "ok"

    @property
    def weight(self) -> tuple[bool, str, int]:
        """Of two records of one seed the one with the greater weight counts."""
        return self.ok, self.finished, self.attempt

    def plain(self) -> dict[str, Any]:
        """JSON-able fields, as in the file: null for NaN and infinity, which JSON does not have."""
        return json.loads(json.dumps(finite({**asdict(self), "kept": str(self.kept)}), allow_nan=False, default=str))

    def path(self, out: str | Path) -> Path:
        """Where its file lies under an output folder."""
        return Path(out) / FOLDER / slug(self.dataset) / slug(self.method) / f"{self.cell}.{self.attempt}.json"


_OF_OUTCOME = (
    "accuracy", "best_accuracy", "final_loss", "iterations", "images_per_second", "train_seconds", "teacher_accuracy",
    "teacher_bytes", "peak_memory", "labels", "learned_lr", "environment", "started",
)  # fmt: skip
_OF_FILE = (
    "bytes",
    "images",
    "classes",
    "picture",
    "colorfulness",
    "color_distance",
    "compress_seconds",
    "stage_seconds",
    "construction_seconds",
)
MEANS = tuple(f.name for f in fields(Record) if f.metadata.get("mean"))


def write_record(record: Record, out: str | Path) -> Path:
    """Write one record, whole or not at all, and never over another one.

    Where the attempt's number is taken the next free one is used. The checksum is computed here.

    Returns:
        The file.

    Raises:
        UserError: the folder cannot be written.
        ValueError: the record breaks the schema, which is a defect of the caller.
    """
    from ccbench.store import atomic_write  # numpy: not for whoever only reads

    if fault := _fault(record.plain()):
        raise ValueError(f"not a record: {fault}")
    record = numbered(record, out)
    path = record.path(out)
    atomic_write(path, json.dumps(record.plain(), indent=1) + "\n")
    return path


def numbered(record: Record, out: str | Path) -> Record:
    """A record as it would be written: under the next free number of its cell's attempts, with its checksum."""
    while record.path(out).exists():
        record = replace(record, attempt=record.attempt + 1)
    return replace(record, checksum=checksum(record.plain()))


def checksum(facts: Mapping[str, Any]) -> str:
    """The sha256 of a record's content: canonical JSON of every field but the checksum itself."""
    content = {name: value for name, value in facts.items() if name != "checksum"}
    text = json.dumps(content, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def read_all(*outs: str | Path) -> tuple[list[Record], list[str]]:
    """Every record under one or more output folders.

    Returns:
        The records in the order of their paths; and one line for each file left out because it is truncated,
        foreign, breaks the schema or does not fit its checksum.

    Raises:
        UserError: a record was written by a newer version.
    """
    records: list[Record] = []
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
        if fault := _fault(facts):
            problems.append(f"{path}: not a result record ({fault})")
        elif facts.get("checksum") != checksum(facts):
            problems.append(f"{path}: its content does not fit its checksum; it was changed after it was written")
        else:
            known = {name: value for name, value in facts.items() if name in _KINDS}
            records.append(Record(**{**known, "kept": Fraction(facts["kept"])}))
    return records, problems


def latest(records: Iterable[Record]) -> list[Record]:
    """One record for each cell, the one that counts: the last ok attempt, otherwise the last attempt."""
    best: dict[str, Record] = {}
    for record in records:
        other = best.get(record.cell)
        if other is None or record.weight >= other.weight:
            best[record.cell] = record
    return list(best.values())


_KINDS = get_type_hints(Record)
_LARGEST = 10**300
_BOUNDS: dict[str, tuple[float, float]] = {
    "ratio": (0, 1), "accuracy": (0, 1), "best_accuracy": (0, 1), "teacher_accuracy": (0, 1),
    "seed": (0, math.inf), "attempt": (1, math.inf), "planned_seeds": (1, math.inf), "threads": (1, math.inf),
    "bytes": (0, math.inf), "images": (0, math.inf),
}  # fmt: skip
_NEEDED = ("schema", "attempt", *(f.name for f in fields(Record) if f.default is f.default_factory is MISSING))


def _fault(facts: Any) -> str:
    """What breaks the schema, or an empty string."""
    if not isinstance(facts, dict):
        return f"a {type(facts).__name__} instead of an object"
    missing = [name for name in _NEEDED if facts.get(name) is None]
    if missing:
        return f"without {', '.join(missing)}"
    for name, kind in _KINDS.items():
        if name in facts and (expected := unlike(facts[name], kind)):
            return f"{name} is {facts[name]!r:.80}, not {expected}"
    for name, (low, high) in _BOUNDS.items():
        if facts.get(name) is not None and not low <= facts[name] <= high:
            return f"{name} is {facts[name]!r:.80}, not in [{low}, {high}]"
    if not 0 < Fraction(facts["kept"]) <= 1:
        return f"kept is {facts['kept']!r:.80}, not above 0 and at most 1"
    if facts["schema"] < 1:
        return f"schema {facts['schema']}"
    if facts["status"] not in STATUSES:
        return f"status {facts['status']!r}"
    if not re.fullmatch(r"[\w.-]{1,100}", facts["cell"]):
        return f"cell {facts['cell']!r}"
    accuracy = facts.get("accuracy")
    if facts["status"] == "ok" and (accuracy is None or not 0 <= accuracy <= 1):
        return f"accuracy {accuracy!r}, expected a fraction in [0, 1]"
    return ""


def unlike(value: Any, kind: Any) -> str:
    """What a field of a type holds, where a plain value of a file is something else; "" where it fits."""
    if value is None and kind in (int | None, float | None, str | None):
        return ""
    if kind in (str, str | None):
        return "" if isinstance(value, str) else "text"
    if kind is Fraction:
        return "" if isinstance(value, str) and re.fullmatch(r"\d{1,40}(/0*[1-9]\d{0,40})?", value) else "a fraction"
    if kind in (int, int | None):
        return "" if isinstance(value, int) and _is_number(value) else "a whole number"
    if kind in (float, float | None):
        return "" if _is_number(value) else "a number"
    if kind == dict[str, float]:
        return "" if isinstance(value, dict) and all(map(_is_number, value.values())) else "an object of numbers"
    if kind == list[str]:
        return "" if isinstance(value, list) and all(isinstance(one, str) for one in value) else "a list of texts"
    return "" if isinstance(value, dict) else "an object"


def _is_number(value: Any) -> bool:
    """Whether it is a finite number that is not too large to reckon with."""
    return isinstance(value, (int, float)) and not isinstance(value, bool) and -_LARGEST <= value <= _LARGEST


def finite(value: Any) -> Any:
    """The same with null for NaN and infinity."""
    if isinstance(value, dict):
        return {str(k): finite(v) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [finite(v) for v in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
