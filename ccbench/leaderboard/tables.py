"""Records in, one row for each (method, dataset, architecture, protocol, ratio) out."""

from __future__ import annotations

import statistics
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from typing import Any

import pandas as pd

from ccbench.results import latest

COLUMNS = (
    "method", "dataset", "architecture", "protocol", "ratio", "nominal_ratio", "measured_ratio", "bytes",
    "accuracy_mean", "accuracy_std", "n_seeds", "status",
    "protocol_version", "planned_seeds", "diff_random", "diff_full", "source", "match", "best_accuracy_mean",
    "colorfulness", "color_distance", "teacher", "teacher_accuracy", "teacher_bytes", "images", "ipc",
)  # fmt: skip
_TEXT = ("method", "dataset", "architecture", "protocol", "status", "protocol_version", "source", "match", "teacher")
_WHOLE = ("bytes", "n_seeds", "planned_seeds", "teacher_bytes")
SECTION = ["dataset", "protocol", "protocol_version", "architecture"]
MEASURED = "measured"


def table(records: Iterable[Mapping[str, Any]]) -> pd.DataFrame:
    """The leaderboard of any number of records.

    A row stands for one (method, dataset, architecture, protocol and its version, ratio, match, teacher).
    Of each cell the record that counts is used (:func:`ccbench.results.latest`). Where the same row
    was measured with several versions of its method or of its data, only those of the version that
    finished last are averaged, and ``.attrs["notes"]`` says so.

    Returns:
        Columns ``COLUMNS``. Accuracies and differences are fractions; ``accuracy_std`` is the sample
        standard deviation over seeds (ddof 1), missing for one seed; ``nominal_ratio``,
        ``measured_ratio``, ``bytes``, ``images``, the colours and the teacher's accuracy (a fraction) and
        bytes are means over the seeds that are ok; ``ipc`` is ``images`` by the classes of the dataset,
        missing where no record and no installed dataset says how many. ``diff_random`` and
        ``diff_full`` are differences of means to the row ``random`` at the same ratio and to the
        row ``full``, by the same teacher or, where no such row is there, by none; missing where there is
        none either. ``teacher`` is empty for a row without. ``status`` is ``ok``, ``partial (2 of 3: 1 timeout)``,
        ``failed: reason`` or ``skipped: reason``. Sorted by section, ratio, then accuracy.
    """
    notes: list[str] = []
    groups: dict[tuple[Any, ...], list[dict[str, Any]]] = defaultdict(list)
    for record in latest(records):
        key = (*(record[name] for name in SECTION), record["method"], round(record["ratio"], 9), record["match"])
        groups[*key, record.get("teacher") or ""].append(record)
    _rejoin(groups)
    frame = as_frame([_row(_one_version(group, notes)) for group in groups.values()])
    frame = order(with_differences(frame))
    frame.attrs["notes"] = notes
    return frame


def as_frame(rows: list[dict[str, Any]]) -> pd.DataFrame:
    """Rows as a frame with the columns of :func:`table` and fixed types, even where there are no rows."""
    frame = pd.DataFrame(rows, columns=list(COLUMNS))
    kinds = {c: "object" if c in _TEXT else "Int64" if c in _WHOLE else "float64" for c in COLUMNS}
    return frame.assign(teacher=frame["teacher"].fillna("")).astype(kinds)


def _rejoin(groups: dict[tuple[Any, ...], list[dict[str, Any]]]) -> None:
    """Put attempts that failed before they knew their teacher with the seeds that had one, where that is only one."""
    for key in [key for key in groups if key[-1] == ""]:
        lost = [record for record in groups[key] if record["status"] != "ok"]
        taught = [other for other in groups if other[:-1] == key[:-1] and other != key]
        if len(taught) == 1 and lost:
            groups[taught[0]] += lost
            groups[key] = [record for record in groups[key] if record["status"] == "ok"]
            if not groups[key]:
                del groups[key]


def with_differences(frame: pd.DataFrame) -> pd.DataFrame:
    """Fill ``diff_random`` and ``diff_full`` from the rows ``random`` and ``full`` of the same section and source."""
    place = [*SECTION, "source"]
    means: dict[str, dict[tuple[Any, ...], float]] = {"random": {}, "full": {}}
    for row in frame.to_dict("records"):
        if row["method"] in means and pd.notna(row["accuracy_mean"]):
            where = *(row[c] for c in place), *_at(row, row["method"])
            means[row["method"]][*where, row["teacher"]] = row["accuracy_mean"]
    found: dict[str, list[float]] = {"random": [], "full": []}
    for row in frame.to_dict("records"):
        for name, known in means.items():
            where = *(row[c] for c in place), *_at(row, name)
            other = known.get((*where, row["teacher"]), known.get((*where, ""), float("nan")))
            found[name].append(row["accuracy_mean"] - other)
    return frame.assign(**{f"diff_{name}": pd.Series(v, frame.index, "float64") for name, v in found.items()})


def _at(row: Mapping[Any, Any], reference: str) -> tuple[Any, ...]:
    """Where a row's reference stands: ``random`` at the same ratio, ``full`` at any."""
    return (row["ratio"], row["match"]) if reference == "random" else ()


def order(frame: pd.DataFrame) -> pd.DataFrame:
    """By section, ratio ascending, accuracy descending with missing ones last, then by name."""
    keyed = frame.assign(_rank=-frame["accuracy_mean"].fillna(-1.0))
    by = [*SECTION, "ratio", "match", "_rank", "method", "source", "teacher"]
    return keyed.sort_values(by, kind="stable", ignore_index=True).drop(columns="_rank")


def _one_version(group: list[dict[str, Any]], notes: list[str]) -> list[dict[str, Any]]:
    """Of a row's records those that may be averaged: one version of method and data, one record for each seed."""
    newest = max(group, key=_finished)
    version = newest["method_version"]
    # a record that failed early has no digest
    digests = [r["dataset_digest"] for r in sorted(group, key=_finished) if r["method_version"] == version]
    digest = next((d for d in reversed(digests) if d), "")
    kept = [r for r in group if r["method_version"] == version and r["dataset_digest"] in (digest, "")]
    seeds: dict[tuple[Any, Any], dict[str, Any]] = {}
    for record in sorted(kept, key=lambda r: (r["status"] == "ok", _finished(r))):
        seeds[record["seed"], record["seed_value"]] = record
    # a seed that never got far enough to have a value gives way to one that did
    valued = {seed for seed, value in seeds if value is not None}
    chosen = [r for (seed, value), r in seeds.items() if value is not None or seed not in valued]
    if len(chosen) < len(group):
        notes.append(
            f"{newest['method']} on {newest['dataset']} at ratio {newest['ratio']:.4g}: "
            f"{len(group) - len(chosen)} record(s) set aside: another version, other data or the same seed"
        )
    return sorted(chosen, key=lambda r: r["seed"])


def _finished(record: Mapping[str, Any]) -> tuple[str, int]:
    return record["finished"], record["attempt"]


def _row(group: list[dict[str, Any]]) -> dict[str, Any]:
    ok = [r for r in group if r["status"] == "ok" and r["accuracy"] is not None and 0 <= r["accuracy"] <= 1]
    accuracies = [float(r["accuracy"]) for r in ok]
    planned = max(len(group), *(max(r["seed"] + 1, r.get("planned_seeds") or 0) for r in group))
    size, taught, images, classes = _mean(ok, "bytes"), _mean(ok, "teacher_bytes"), _mean(ok, "images"), _classes(group)
    return {
        **{name: group[0][name] for name in (*SECTION, "method", "match")},
        "ratio": group[0]["ratio"],
        "nominal_ratio": _mean(ok, "nominal_ratio"),
        "measured_ratio": _mean(ok, "measured_ratio"),
        "bytes": None if size is None else round(size),
        "accuracy_mean": statistics.fmean(accuracies) if accuracies else None,
        "accuracy_std": statistics.stdev(accuracies) if len(accuracies) > 1 else None,
        "n_seeds": len(ok),
        "planned_seeds": planned,
        "status": _status(group, ok, planned),
        "source": MEASURED,
        "best_accuracy_mean": _mean(ok, "best_accuracy"),
        "colorfulness": _mean(ok, "colorfulness"),
        "color_distance": _mean(ok, "color_distance"),
        "teacher": next((r["teacher"] for r in group if r.get("teacher")), ""),
        "teacher_accuracy": _mean(ok, "teacher_accuracy"),
        "teacher_bytes": None if taught is None else round(taught),
        "images": images,
        "ipc": None if images is None or classes is None else images / classes,
    }


def _classes(group: list[dict[str, Any]]) -> int | None:
    """How many classes the dataset of a row has: by its records, otherwise by the dataset itself where it says so."""
    from ccbench.plugins import plugins

    for record in group:
        if record.get("classes"):
            return int(record["classes"])
    spec = plugins().all("dataset").get(group[0]["dataset"].partition("[")[0])
    shape = getattr(spec, "shape", None)
    return shape.classes if shape else None


def _mean(records: list[dict[str, Any]], name: str) -> float | None:
    values = [float(r[name]) for r in records if r.get(name) is not None]
    return statistics.fmean(values) if values and len(values) == len(records) else None


def _status(group: list[dict[str, Any]], ok: list[dict[str, Any]], planned: int) -> str:
    if len(ok) == planned:
        return "ok"
    counts = Counter(r["status"] for r in group if r not in ok)
    if planned > len(group):
        counts["missing"] = planned - len(group)
    if ok:
        return f"partial ({len(ok)} of {planned}: {', '.join(f'{n} {s}' for s, n in sorted(counts.items()))})"
    last = max(group, key=_finished)
    word = "skipped" if set(counts) <= {"skipped", "missing"} else "failed"
    reason = " ".join(last["reason"].split()) or last["status"]
    if last["status"] in {"timeout", "oom"} and last["status"] not in reason:
        reason = f"{last['status']}: {reason}"
    return f"{word}: {reason}"
