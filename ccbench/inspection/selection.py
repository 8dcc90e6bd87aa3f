"""What a selection kept of each class, and where its images stand among the scores that it went by."""

from __future__ import annotations

import shlex
from fractions import Fraction
from typing import Any

import numpy as np

from ccbench.archive.origin import remembered
from ccbench.inspection.subject import Subject
from ccbench.inspection.text import as_option, rows, shades
from ccbench.leaderboard.escaping import clean
from ccbench.quantities import plain

BINS = 64  # of a distribution, in the numbers and in the text
_ALL, _ENDS = 20, 5  # so many classes are listed, of more those of the smallest and the largest shares
_BAR = 30  # characters


def facts(subject: Subject) -> dict[str, Any] | None:
    """JSON-able data; None of a file that is no selection.

    ``available`` is None without the original; ``scores`` is empty where a method goes by none, or where
    ``unscored`` says why they are not there.
    """
    kept = subject.selected
    if kept is None:
        return None
    classes, original = len(subject.compressed.classes), subject.unchanged
    available = None if original is None else np.bincount(original.labels, minlength=classes).tolist()
    return {
        "kept": np.bincount(subject.compressed.labels, minlength=classes).tolist(),
        "available": available,
        "classes": list(subject.compressed.classes),
        "scores": {name: distribution(values, kept) for name, values in subject.scores.items()},
        "unscored": unscored(subject),
    }


def distribution(values: np.ndarray, kept: np.ndarray) -> dict[str, Any]:
    """Counts in bins of equal width, of all images and of the kept ones, and the quartiles of both.

    Args:
        values: (N,), NaN where an image has none.
        kept: (n,) positions.
    """
    sets = {"all": values[np.isfinite(values)], "kept": values[kept][np.isfinite(values[kept])]}
    low, high = (float(end) for end in (sets["all"].min(), sets["all"].max())) if len(sets["all"]) else (0.0, 0.0)
    edges = np.linspace(low, high if high > low else low + 1, BINS + 1)
    found: dict[str, Any] = {"low": low, "high": high}
    for which, of in sets.items():
        counts = np.histogram(np.clip(of.astype(np.float64), edges[0], edges[-1]), edges)[0]
        quartiles = np.quantile(of, [0, 0.25, 0.5, 0.75, 1]).tolist() if len(of) else None
        found[which] = {"images": len(of), "quartiles": quartiles, "counts": counts.tolist()}
    return found


def unscored(subject: Subject) -> str | None:
    """Why scores that the file names are not there, and the command that makes them; None where all is well."""
    meta = subject.compressed.meta
    names = meta.get("scores")
    if subject.scores or subject.selected is None or not names:
        return None
    what = f"the cache has no scores of this file ({', '.join(clean(name, 40) for name in names[:3])})"
    return f"{what}; they are made with it: {command(subject)}"


def command(subject: Subject) -> str:
    """The command that makes a file again, as far as it says how it was made."""
    meta = subject.compressed.meta
    seed = meta.get("seed") or 0
    repeated = seed > 0  # compress makes the first repetition
    parts = ["ccbench", "run" if repeated else "compress"]
    for option, key in (("-m", "method"), ("-d", "dataset"), ("-p", "protocol"), ("--match", "match")):
        parts += [option, clean(meta[key])] if key in meta else []
    parts += ["--ratio", plain(1 - Fraction(meta["kept"])), "--no-snap"] if "kept" in meta else []
    parts += ["--base-seed", str(meta["base_seed"])] if meta.get("base_seed") else []
    parts += [part for option in remembered(subject.compressed).items() for part in as_option(option)]
    return shlex.join([*parts, *(["--seeds", str(seed + 1)] if repeated else ["--force", clean(subject.path)])])


def lines(facts: dict[str, Any]) -> list[str]:
    """The section for people."""
    table = []
    for name, found in facts["scores"].items():
        for which in ("all", "kept"):
            of = found[which]
            ends = "" if of["quartiles"] is None else _quartiles(of["quartiles"])
            label = f"{clean(name, 40)}, {which} {of['images']:,}"
            table.append((label, f"|{shades(of['counts'], max(of['counts']))}| {ends}"))
    table += _classes(facts)
    return ["selection", *rows(table), *([f"no scores: {facts['unscored']}"] if facts["unscored"] else [])]


def _quartiles(found: list[float]) -> str:
    low, first, median, third, high = (f"{value:.4g}" for value in found)
    return f"{low} to {high}, median {median}, half of them {first} to {third}"


def _classes(facts: dict[str, Any]) -> list[tuple[str, str]]:
    kept, available = facts["kept"], facts["available"]
    share = [k / max(1, a) for k, a in zip(kept, available, strict=True)] if available else kept
    order = np.argsort(share, kind="stable").tolist()
    shown = sorted(order) if len(kept) <= _ALL else [*order[:_ENDS], *order[-_ENDS:]]
    table = []
    if len(shown) < len(kept):
        table.append(("classes", f"{len(shown)} of {len(kept)}, those of which least and most is kept"))
    top = max(share)
    for label in shown:
        of = f" of {available[label]:,}, {share[label]:.1%}" if available else ""
        bar = "#" * round(_BAR * share[label] / top)
        table.append((clean(facts["classes"][label], 40), f"{kept[label]:,}{of}  {bar}".rstrip()))
    return table
