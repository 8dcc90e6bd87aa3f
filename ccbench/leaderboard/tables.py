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
)  # fmt: skip
_TEXT = ("method", "dataset", "architecture", "protocol", "status", "protocol_version", "source", "match")
_WHOLE = ("bytes", "n_seeds", "planned_seeds")
SECTION = ["dataset", "protocol", "protocol_version", "architecture"]
MEASURED = "measured"


def table(records: Iterable[Mapping[str, Any]]) -> pd.DataFrame:
    """The leaderboard of any number of records.

    A row stands for one (method, dataset, architecture, protocol and its version, ratio, match).
    Of each cell the record that counts is used (:func:`ccbench.results.latest`). Where the same row
    was measured with several versions of its method or of its data, only those of the version that
    finished last are averaged, and ``.attrs["notes"]`` says so.

    Returns:
        Columns ``COLUMNS``. Accuracies and differences are fractions; ``accuracy_std`` is the sample
        standard deviation over seeds (ddof 1), missing for one seed; ``nominal_ratio``,
        ``measured_ratio`` and ``bytes`` are means over the seeds that are ok; ``diff_random`` and
        ``diff_full`` are differences of means to the row ``random`` at the same ratio and to the
        row ``full``, missing where there is none. ``status`` is ``ok``, ``partial (2 of 3: 1 timeout)``,
        ``failed: reason`` or ``skipped: reason``. Sorted by section, ratio, then accuracy.
    """
    notes: list[str] = []
    groups: dict[tuple[Any, ...], list[dict[str, Any]]] = defaultdict(list)
    for record in latest(records):
        key = (*(record[name] for name in SECTION), record["method"], round(record["ratio"], 9), record["match"])
        groups[key].append(record)
    frame = as_frame([_row(_one_version(group, notes)) for group in groups.values()])
    frame = order(with_differences(frame))
    frame.attrs["notes"] = notes
    return frame


def as_frame(rows: list[dict[str, Any]]) -> pd.DataFrame:
    """Rows as a frame with the columns of :func:`table` and fixed types, even where there are no rows."""
    frame = pd.DataFrame(rows, columns=list(COLUMNS))
    kinds = {c: "object" if c in _TEXT else "Int64" if c in _WHOLE else "float64" for c in COLUMNS}
    return frame.astype(kinds)


def with_differences(frame: pd.DataFrame) -> pd.DataFrame:
    """Fill ``diff_random`` and ``diff_full`` from the rows ``random`` and ``full`` of the same section and source."""
    place = [*SECTION, "source"]
    means: dict[str, dict[tuple[Any, ...], float]] = {"random": {}, "full": {}}
    for row in frame.to_dict("records"):
        where = tuple(row[c] for c in place)
        if row["method"] in means and pd.notna(row["accuracy_mean"]):
            at = (row["ratio"], row["match"]) if row["method"] == "random" else ()
            means[row["method"]][*where, *at] = row["accuracy_mean"]
    random, full = [], []
    for row in frame.to_dict("records"):
        where = tuple(row[c] for c in place)
        random.append(row["accuracy_mean"] - means["random"].get((*where, row["ratio"], row["match"]), float("nan")))
        full.append(row["accuracy_mean"] - means["full"].get(where, float("nan")))
    return frame.assign(
        diff_random=pd.Series(random, frame.index, "float64"), diff_full=pd.Series(full, frame.index, "float64")
    )


def order(frame: pd.DataFrame) -> pd.DataFrame:
    """By section, ratio ascending, accuracy descending with missing ones last, then by name."""
    keyed = frame.assign(_rank=-frame["accuracy_mean"].fillna(-1.0))
    by = ["dataset", "protocol", "protocol_version", "architecture", "ratio", "match", "_rank", "method", "source"]
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
    size = _mean(ok, "bytes")
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
    }


def _mean(records: list[dict[str, Any]], name: str) -> float | None:
    values = [float(r[name]) for r in records if r[name] is not None]
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
