"""The rows for other programs: JSON of a versioned schema, CSV, Parquet, and the hub's evaluation results."""

from __future__ import annotations

import importlib.util
import json
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, Literal

import yaml

from ccbench.errors import UserError
from ccbench.leaderboard.escaping import clean
from ccbench.leaderboard.rendering import render
from ccbench.publishing import shown
from ccbench.publishing.again import command
from ccbench.publishing.board import Board, Line
from ccbench.publishing.methods import Method, kind_of
from ccbench.records.cells import ROW, slug

if TYPE_CHECKING:
    import pandas as pd

SCHEMA = 1
INDEX, INDEX_SCHEMA = "index.json", "index.schema.json"
_ENGINES: tuple[Literal["pyarrow", "fastparquet"], ...] = ("pyarrow", "fastparquet")
_MEASURES = ("ratio", "nominal_ratio", "measured_ratio", "bytes", "bits_per_pixel", "images", "ipc", "colorfulness",
             "color_distance", "compress_seconds", "construction_seconds", "teacher_accuracy", "teacher_bytes",
             "best_accuracy_mean", "diff_random", "diff_full")  # fmt: skip
ABSENT = "There is no Parquet file: neither pyarrow nor fastparquet was installed where this was published."


def index(board: Board, methods: Mapping[str, Method], *, title: str, version: str) -> str:
    """``index.json``: every row with what makes it one, its numbers and where its records lie.

    ``index.schema.json`` says what stands in it. Accuracies are fractions, sizes bytes, times seconds.
    """
    facts = {
        "schema": SCHEMA,
        "title": title,
        "ccbench": version,
        "folders": [source.place for source in board.sources],
        "notes": list(board.notes),
        "rows": [_row(line, methods) for line in board.lines],
    }
    return json.dumps(facts, indent=1, allow_nan=False) + "\n"


def index_schema() -> str:
    """The JSON schema of :func:`index`."""
    return (Path(__file__).parent / INDEX_SCHEMA).read_text(encoding="utf-8")


def csv(board: Board) -> str:
    """Every column of the table; see :func:`ccbench.leaderboard.render`."""
    return render(board.frame, "csv")


def parquet(frame: pd.DataFrame) -> bytes | None:
    """The same table as a Parquet file's bytes; None where no library that writes one is installed."""
    engine = next((name for name in _ENGINES if importlib.util.find_spec(name)), None)
    if engine is None:
        return None
    plain = frame.copy()
    plain.attrs = {}
    for name in plain.select_dtypes(exclude="number").columns:
        texts = plain[name].map(lambda cell: clean(cell, 4000) if isinstance(cell, str) else None)
        plain[name] = texts.astype("object")
    with TemporaryDirectory() as folder:
        file = Path(folder) / "leaderboard.parquet"
        plain.to_parquet(file, engine=engine, index=False)
        return file.read_bytes()


def hub_names(given: Mapping[str, str], board: Board) -> dict[str, tuple[str, str]]:
    """By dataset, its id on the hub and the task there.

    Args:
        given: ``"owner/name"`` or ``"owner/name:task"`` by our dataset's name.
        board: that has rows of them.

    Raises:
        UserError: the board has no such dataset, or the id is none.
    """
    known = sorted({line.values["dataset"] for line in board.lines})
    found = {}
    for name, text in given.items():
        place, _, task = text.partition(":")
        if name not in known:
            raise UserError(f"no row is of the dataset {name!r}", mend=f"one of {', '.join(known)}")
        if place.count("/") != 1 or not all(part.strip() == part and part for part in place.split("/")):
            raise UserError("a dataset of the hub is named OWNER/NAME, or OWNER/NAME:TASK", found=text)
        found[name] = (place, task or "default")
    return found


def eval_results(board: Board, hub: Mapping[str, tuple[str, str]], url: str) -> dict[str, str]:
    """The hub's ``.eval_results/*.yaml``, one file for each dataset that ``hub`` names, by their paths.

    One entry for each row with a number: per cent, the mean over its seeds.

    Args:
        board: what is published.
        hub: see :func:`hub_names`.
        url: where the folder will be served, "" where nobody knows.
    """
    files: dict[str, str] = {}
    for dataset, (place, task) in hub.items():
        entries = [
            _entry(line, place, task, url)
            for line in board.lines
            if line.values["dataset"] == dataset and line.values["accuracy_mean"] is not None
        ]
        path = f".eval_results/{slug(dataset)}.yaml"
        files[path] = yaml.safe_dump(entries, sort_keys=False, allow_unicode=True, width=1000)
    return files


def _entry(line: Line, place: str, task: str, url: str) -> dict[str, Any]:
    values = line.values
    notes = [f"method {clean(values['method'], 300)}", f"{shown.budget(values)}"]
    notes += [f"{values['bytes']:,} bytes"] if values["bytes"] else []
    notes += [f"{clean(values['architecture'], 100)}", f"protocol {clean(shown.protocol(values), 100)}"]
    spread = values["accuracy_std"]
    notes += [f"n={values['n_seeds']}" + ("" if spread is None else f", standard deviation {100 * spread:.2f}")]
    last = max((attempt.record.finished for attempt in line.counting), default="")
    return {
        "dataset": {"id": place, "task_id": task},
        "value": round(100 * values["accuracy_mean"], 4),
        **({"date": last} if last else {}),
        **({"source": {"url": f"{url.rstrip('/')}/{line.page}", "name": "ccbench"}} if url else {}),
        "notes": "; ".join(notes),
    }


def _row(line: Line, methods: Mapping[str, Method]) -> dict[str, Any]:
    values = line.values
    return {
        "id": line.id,
        "page": line.page,
        "identity": {name: values[name] for name in ROW},
        "kind": kind_of(values["method"], methods),
        "state": shown.state(values),
        "status": values["status"],
        "accuracy": {"mean": values["accuracy_mean"], "std": values["accuracy_std"], "n": values["n_seeds"],
                     "planned": values["planned_seeds"]},
        "measures": {name: values[name] for name in _MEASURES if values[name] is not None},
        "verified": values["verified"],
        "command": command(values),
        "records": [attempt.path for attempt in line.attempts if attempt.path],
    }  # fmt: skip
