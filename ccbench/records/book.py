"""What is written down of each attempt at a cell."""

from __future__ import annotations

import json
from collections import Counter
from datetime import UTC, datetime
from fractions import Fraction
from pathlib import Path
from typing import Any

from ccbench import seeds
from ccbench.executors import Finished
from ccbench.records.cells import Cell
from ccbench.records.record import SCHEMA, write_record
from ccbench.store import file_digest


def seed_value(cell: Cell) -> int:
    """The seed of a cell's training; every method at the same seed index starts from the same network."""
    axes = {"dataset": cell.dataset, "architecture": cell.architecture, "protocol": cell.protocol, "seed": cell.seed}
    return seeds.derive(cell.base_seed, **axes)


def read_facts(artifact: Path) -> dict[str, Any] | None:
    """The facts that :func:`ccbench.runner.worker.compress_item` left beside an artifact.

    Returns:
        None where the artifact has to be made again: it or its facts are missing or damaged, or they
        do not belong together.
    """
    try:
        facts = json.loads(artifact.with_suffix(".json").read_text())
        whole = artifact.stat().st_size == facts["bytes"] and {"images", "nominal_kept", "measured_kept"} <= set(facts)
        whole = whole and facts["sha256"] == file_digest(artifact)
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return facts if whole else None


def make_record(
    cell: Cell,
    finished: Finished,
    *,
    attempt: int,
    planned_seeds: int,
    artifact: Path | None,
    facts: dict[str, Any] | None,
) -> dict[str, Any]:
    """One attempt at a cell as a result record.

    Args:
        cell: what was attempted.
        finished: what became of it; its value is the training outcome.
        attempt: 1, 2, ...
        planned_seeds: how many seeds the run wanted for this row.
        artifact: the compressed file, where there is one.
        facts: what is known of it.
    """
    value = finished.value if finished.status == "ok" and isinstance(finished.value, dict) else {}
    facts = facts or {}
    return {
        "schema": SCHEMA,
        "cell": cell.id,
        "attempt": attempt,
        "status": finished.status,
        "reason": finished.reason,
        **cell.row,
        "ratio": cell.ratio,
        "nominal_ratio": float(1 - Fraction(facts["nominal_kept"])) if facts else None,
        "measured_ratio": 1 - facts["measured_kept"] if facts else None,
        "bytes": facts.get("bytes"),
        "images": facts.get("images"),
        "seed": cell.seed,
        "seed_value": seed_value(cell),
        "planned_seeds": planned_seeds,
        "teacher_accuracy": value.get("teacher_accuracy"),
        "teacher_bytes": value.get("teacher_bytes"),
        "colorfulness": facts.get("colorfulness"),
        "color_distance": facts.get("color_distance"),
        "accuracy": value.get("accuracy"),
        "best_accuracy": value.get("best_accuracy"),
        "final_loss": value.get("final_loss"),
        "iterations": value.get("iterations"),
        "images_per_second": value.get("images_per_second"),
        "compress_seconds": facts.get("compress_seconds"),
        "stage_seconds": facts.get("stage_seconds", {}),
        "train_seconds": value.get("train_seconds"),
        "peak_memory": value.get("peak_memory"),
        "artifact": artifact.name if artifact and facts else None,
        "artifact_sha256": facts["sha256"] if artifact and facts else None,
        "environment": value.get("environment", {}),
        "started": value.get("started", ""),
        "finished": datetime.now(UTC).isoformat(timespec="seconds"),
    }


class Book:
    """Writes the records of a run, and counts.

    Args:
        out: the output folder.
        cells: everything that was planned.
        attempts: attempts so far, by cell id.
    """

    def __init__(self, out: Path, cells: list[Cell], attempts: dict[str, int]) -> None:
        self.out, self.attempts = out, attempts
        self.planned = Counter(map(_row, cells))
        self.counts: Counter[str] = Counter()
        self._reasons: dict[str, None] = {}

    def count(self, status: str, cell: Cell, reason: str) -> None:
        """Count a cell and keep its reason, once for all seeds."""
        self.counts[status] += 1
        line = f"{status}: {cell.method} at ratio {cell.ratio:.4g} on {cell.dataset}: {reason}"
        if reason:
            self._reasons[line] = None

    @property
    def reasons(self) -> list[str]:
        """Why cells did not end well, each once, in order."""
        return list(self._reasons)

    def write(
        self, cell: Cell, finished: Finished, artifact: Path | None, facts: dict[str, Any] | None
    ) -> dict[str, Any]:
        """One attempt at a cell, on disk before anything else happens."""
        self.attempts[cell.id] = self.attempts.get(cell.id, 0) + 1
        record = make_record(
            cell,
            finished,
            attempt=self.attempts[cell.id],
            planned_seeds=self.planned[_row(cell)],
            artifact=artifact,
            facts=facts,
        )
        write_record(record, self.out)
        if finished.log:
            log = self.out / "logs" / f"{cell.id}.log"
            log.parent.mkdir(parents=True, exist_ok=True)
            with log.open("a+") as file:
                file.seek(0)
                if "Traceback" not in file.read():  # the worker writes its own; a compression's belongs to every cell
                    file.write(finished.log)
        return record


def _row(cell: Cell) -> tuple[Any, ...]:
    return tuple(cell.row.values())
