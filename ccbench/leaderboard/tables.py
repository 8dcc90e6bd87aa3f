"""Records in, one row for each (method, dataset, architecture, protocol, ratio) out."""

from __future__ import annotations

import statistics
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from typing import Any

import pandas as pd

from ccbench.leaderboard import robust
from ccbench.records.cells import ROW
from ccbench.records.record import MEANS, Record, latest
from ccbench.records.verdicts import Verdict

_FIRST = (
    "method", "dataset", "architecture", "protocol", "ratio", "nominal_ratio", "measured_ratio", "bytes",
    "accuracy_mean", "accuracy_std", "n_seeds", "status", "protocol_version", "planned_seeds",
    "diff_random", "diff_full", "source",
)  # fmt: skip
_MEANS = {name: f"{name}_mean" if name == "best_accuracy" else name for name in MEANS}
_LAST = ("ipc", "bits_per_pixel", "picture", "sealed", "labels", robust.LABEL, robust.AUGMENTATION, "verified")
COLUMNS = tuple(dict.fromkeys((*_FIRST, *_MEANS.values(), *_LAST, *ROW)))
_WHOLE = ("bytes", "n_seeds", "planned_seeds", "teacher_bytes", "threads", "base_seed")
_TEXT = ("status", "source", "picture", "sealed", "labels", "verified", *(name for name in ROW if name not in _WHOLE))
SECTION = ["dataset", "protocol", "protocol_version", "architecture"]
_SORTED = {*SECTION, "match", "method", "teacher", "kept"}
METHOD = ("method", "method_version", "made")
BUDGET = ("kept", "match")
CONDITIONS = tuple(name for name in ROW if name not in {*METHOD, *BUDGET, "coding", "teacher"})
MEASURED = "measured"


def table(records: Iterable[Record], verdicts: Mapping[str, Verdict] | None = None) -> pd.DataFrame:
    """The leaderboard of any number of records.

    A row stands for one :data:`ccbench.records.cells.ROW`: everything that can change a number but the seed. Of each
    cell the record that counts is used (:func:`ccbench.records.record.latest`), so that n counts distinct seeds.

    Args:
        records: of any number of folders.
        verdicts: what became of doing their work again, by their checksums.

    Returns:
        Columns ``COLUMNS``. Accuracies and differences are fractions; ``accuracy_std`` is the sample
        standard deviation over seeds (ddof 1), missing for one seed; ``nominal_ratio``,
        ``measured_ratio``, ``bytes``, ``images``, the colours, the seconds of compressing and the teacher's accuracy
        (a fraction) and bytes are means over the seeds that are ok; ``ipc`` is ``images`` by the classes of the
        dataset, missing where no record and no installed dataset says how many; ``bits_per_pixel`` the file's bits by
        the pixels of the whole training set, which has 24; ``picture`` the size of the images in the file where it is
        not the dataset's own; ``sealed`` is ``yes`` where every file was made without sight of the test split.
        ``labels`` what the trainings learned from, several joined by ``+``, and ``learned_lr``
        the mean of the learning rates that came with the images. ``diff_random`` and
        ``diff_full`` are differences of means to the row ``random`` at the same budget and to the
        row ``full``, both of the same data, network, recipe, number format, threads and base seed; by the same
        teacher or, where no such row is there, by none; missing where there is none either,
        or more than one version. The two robust scores: :mod:`ccbench.leaderboard.robust`. ``verified`` says of how
        many of the seeds that are ok the file or the training was done again, and with what result. ``teacher`` is
        empty for a row without. ``status`` is ``ok``, ``partial (2 of 3: 1 timeout)``, ``failed: reason`` or
        ``skipped: reason``. Sorted by section, ratio, then accuracy.
    """
    groups: dict[tuple[Any, ...], dict[int, Record]] = defaultdict(dict)
    for record in sorted(latest(records), key=lambda r: r.weight):
        groups[*record.row.values(), round(record.ratio, 9)][record.seed] = record
    frame = as_frame([_row([seeds[s] for s in sorted(seeds)], verdicts or {}) for seeds in groups.values()])
    return order(robust.with_scores(with_differences(frame)))


def as_frame(rows: list[dict[str, Any]]) -> pd.DataFrame:
    """Rows as a frame with the columns of :func:`table` and fixed types, even where there are no rows."""
    frame = pd.DataFrame(rows, columns=list(COLUMNS))
    kinds = {c: "object" if c in _TEXT else "Int64" if c in _WHOLE else "float64" for c in COLUMNS}
    texts = {c: frame[c].fillna("") for c in _TEXT if c in ROW or c in ("picture", "labels", "verified")}
    return frame.assign(**texts).astype(kinds)


def with_differences(frame: pd.DataFrame) -> pd.DataFrame:
    """Fill ``diff_random`` and ``diff_full`` from the rows ``random`` and ``full`` that differ in the method alone."""
    means: dict[str, dict[tuple[Any, ...], list[float]]] = {"random": defaultdict(list), "full": defaultdict(list)}
    rows = frame.astype(object).where(frame.notna(), None).to_dict("records")
    for row in rows:
        if row["method"] in means and row["accuracy_mean"] is not None:
            held = means[row["method"]]
            held[*_place(row, row["method"]), row["coding"], row["teacher"]].append(row["accuracy_mean"])
    differences: dict[str, list[float]] = {"random": [], "full": []}
    for row in rows:
        mine = float("nan") if row["accuracy_mean"] is None else row["accuracy_mean"]
        for name, known in means.items():
            place, teachers = _place(row, name), (row["teacher"], "")
            # coding changes no image, unless it makes room for more of them
            codings = (row["coding"],) if name == "random" and row["match"] == "bytes" else (row["coding"], "none")
            found = [known[key] for c in codings for t in teachers if (key := (*place, c, t)) in known]
            references = found[0] if found else []
            if row["method"] == name:  # a reference is its own, whichever version of it others are compared with
                references = [mine]
            differences[name].append(mine - references[0] if len(references) == 1 else float("nan"))
    return frame.assign(**{f"diff_{name}": pd.Series(v, frame.index, "float64") for name, v in differences.items()})


def _place(row: Mapping[Any, Any], reference: str) -> tuple[Any, ...]:
    """What a row shares with its reference: all but the method, and for ``full``, which has one budget, all but that.

    Coding and teacher stand apart: a reference may have none.
    """
    same = tuple(row[name] for name in CONDITIONS)
    return (*same, row["source"], *(() if reference == "full" else (row["match"], row["kept"], row["ratio"])))


def order(frame: pd.DataFrame) -> pd.DataFrame:
    """By section, ratio ascending, accuracy descending with missing ones last, then by name."""
    keyed = frame.assign(_rank=-frame["accuracy_mean"].fillna(-1.0))
    by = [*SECTION, "ratio", "match", "_rank", "method", "source", "teacher", *(n for n in ROW if n not in _SORTED)]
    return keyed.sort_values(by, kind="stable", ignore_index=True).drop(columns="_rank")


def _row(group: list[Record], verdicts: Mapping[str, Verdict]) -> dict[str, Any]:
    ok = [r for r in group if r.ok and r.accuracy is not None and 0 <= r.accuracy <= 1]
    accuracies = [float(r.accuracy) for r in ok if r.accuracy is not None]
    planned = max(len(group), *(max(r.seed + 1, r.planned_seeds or 0) for r in group))
    means = {name: _mean(ok, name) for name in MEANS}
    images, classes = means["images"], _classes(group)
    return {
        **group[0].row,
        **{_MEANS[n]: round(m) if n in _WHOLE and m is not None else m for n, m in means.items()},
        "ratio": group[0].ratio,
        "accuracy_mean": statistics.fmean(accuracies) if accuracies else None,
        "accuracy_std": statistics.stdev(accuracies) if len(accuracies) > 1 else None,
        "n_seeds": len(ok),
        "planned_seeds": planned,
        "status": _status(group, ok, planned),
        "source": MEASURED,
        "ipc": None if images is None or classes is None else images / classes,
        "picture": next((r.picture for r in ok), ""),
        "verified": _verified(ok, verdicts),
        "sealed": "yes" if ok and all(r.sealed for r in ok) else "",
        "labels": "+".join(sorted({r.labels for r in ok})),
        "bits_per_pixel": None if (ratio := means["measured_ratio"]) is None else 24 * (1 - ratio),
    }


def _classes(group: list[Record]) -> int | None:
    """How many classes the dataset of a row has: by its records, otherwise by the dataset itself where it says so."""
    from ccbench.offers.discovery import plugins
    from ccbench.offers.expressions import base_name

    for record in group:
        if record.classes:
            return record.classes
    spec = plugins().all("dataset").get(base_name(group[0].dataset))
    shape = getattr(spec, "shape", None)
    return shape.classes if shape else None


def _verified(ok: list[Record], verdicts: Mapping[str, Verdict]) -> str:
    """``file 3 of 3, training 1 of 3``: of how many seeds each came out the same; what did not is said."""
    found = [verdicts[r.checksum] for r in ok if r.checksum in verdicts and verdicts[r.checksum].cell == r.cell]
    counts = {
        "file": sum(v.file == "same" for v in found),
        "training": sum(v.training in ("equal", "within") for v in found),
        "file differs": sum(v.file == "differs" for v in found),
        "training differs": sum(v.training == "outside" for v in found),
    }
    return ", ".join(f"{what} {n} of {len(ok)}" for what, n in counts.items() if n)


def _mean(records: list[Record], name: str) -> float | None:
    values = [float(value) for r in records if (value := getattr(r, name)) is not None]
    return statistics.fmean(values) if values and len(values) == len(records) else None


def _status(group: list[Record], ok: list[Record], planned: int) -> str:
    if len(ok) == planned:
        return "ok"
    counts = Counter(r.status for r in group if r not in ok)
    if planned > len(group):
        counts["missing"] = planned - len(group)
    if ok:
        return f"partial ({len(ok)} of {planned}: {', '.join(f'{n} {s}' for s, n in sorted(counts.items()))})"
    last = max(group, key=lambda r: (r.finished, r.attempt))
    word = "skipped" if set(counts) <= {"skipped", "missing"} else "failed"
    reason = " ".join(last.reason.split()) or last.status
    if last.status in {"timeout", "oom"} and last.status not in reason:
        reason = f"{last.status}: {reason}"
    return f"{word}: {reason}"
