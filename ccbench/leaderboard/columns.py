"""What a table shows: columns that are always there, and columns that are shown when they are chosen."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import Field, dataclass, fields
from typing import Any

import pandas as pd

from ccbench.errors import UserError
from ccbench.leaderboard import robust
from ccbench.leaderboard.tables import MEASURED
from ccbench.offers.specs import did_you_mean
from ccbench.records.cells import Row

Values = dict[Any, Any]


@dataclass(frozen=True)
class Column:
    """One column of a table.

    Attributes:
        title: with its unit.
        text: a row's cell, not yet escaped; an empty text where there is no value.
        right: whether it holds numbers.
        note: what a reader must know of it.
    """

    title: str
    text: Callable[[Values], str]
    right: bool = True
    note: str = ""


def number(value: float | None, form: str, times: float = 1) -> str:
    """A number as text, or an empty text where it is missing."""
    if value is None or pd.isna(value):
        return ""
    if form.endswith("d"):
        return format(int(value), form)
    text = format(float(value) * times, form)
    return text if text.strip("-0.") else text.replace("-", "+" if form.startswith("+") else "")


def _number(title: str, name: str, form: str, times: float = 1, note: str = "") -> Column:
    return Column(title, lambda row: number(row[name], form, times), note=note)


def _text(title: str, name: str) -> Column:
    return Column(title, lambda row: row[name], right=False)


def _digest(title: str, name: str) -> Column:
    return Column(title, lambda row: row[name][:8], right=False, note=f"{title}: first digits of its digest.")


def _accuracy(row: Values) -> str:
    accuracy, spread = (number(row[name], ".2f", 100) for name in ("accuracy_mean", "accuracy_std"))
    return f"{accuracy} ± {spread}" if spread else accuracy


ALWAYS = (
    _text("Method", "method"),
    _number("Ratio", "ratio", ".4f"),
    _number("Nominal ratio", "nominal_ratio", ".4f"),
    _number("Measured ratio", "measured_ratio", ".4f"),
    _number("Bytes", "bytes", ",d"),
    Column("Accuracy (%)", _accuracy),
    _number("n", "n_seeds", "d"),
    _number("vs random (points)", "diff_random", "+.2f", 100),
    _number("vs full (points)", "diff_full", "+.2f", 100),
)
_BEST = "Best accuracy: of the epoch that was best on the test set."
_COLOURFULNESS = "Colourfulness: Hasler and Süsstrunk's as DC3 writes it, mean over the compressed images."
_DISTANCE = (
    "Colour distance: 1-Wasserstein between the pixel values of compressed and original images, mean over the "
    "channels, as a fraction of their range."
)
_TEACHER_BYTES = "Teacher bytes: its weights, which training needs and no ratio counts."
_BITS = "Bits per pixel: the file's bits by the pixels of the whole training set, which has 24."
_COMPRESS = "Compressing: wall clock without the stages that the method needs."
_CONSTRUCTION = "Construction: compressing, and every stage that it needs, when it was made, whichever row made it."
_LEARNED = "Learned rate: the learning rate that came with the images, by which the network was trained."
VERIFIED = Column(
    "Verified",
    lambda row: row["verified"],
    right=False,
    note="Verified: of how many seeds the file, made again, has the same bytes, and the training, done again, agrees.",
)
AGAINST = Column(
    "Against the reference",
    lambda row: row["against"],
    right=False,
    note="Against the reference: the mean difference in points over common seeds, by a paired t-test; * where p is "
    "below 0.05 once it is held to the number of rows compared (Holm). Below three seeds: n too small.",
)
CHOSEN = {  # by their names in leaderboard.csv
    "best_accuracy_mean": _number("Best accuracy (%)", "best_accuracy_mean", ".2f", 100, _BEST),
    "colorfulness": _number("Colourfulness", "colorfulness", ".2f", 1, _COLOURFULNESS),
    "color_distance": _number("Colour distance", "color_distance", ".4f", 1, _DISTANCE),
    "bits_per_pixel": _number("Bits per pixel", "bits_per_pixel", ".3f", 1, _BITS),
    "compress_seconds": _number("Compressing (s)", "compress_seconds", ",.1f", 1, _COMPRESS),
    "construction_seconds": _number("Construction (s)", "construction_seconds", ",.1f", 1, _CONSTRUCTION),
    "labels": _text("Labels", "labels"),
    "learned_lr": _number("Learned rate", "learned_lr", ".4g", 1, _LEARNED),
    robust.LABEL: _number("Label-robust", robust.LABEL, ".3f", 1, robust.NOTES[robust.LABEL]),
    robust.AUGMENTATION: _number(
        "Augmentation-robust", robust.AUGMENTATION, ".3f", 1, robust.NOTES[robust.AUGMENTATION]
    ),
    "images": _number("Images", "images", ",.10g"),
    "ipc": _number("IPC", "ipc", ",.4g", 1, "IPC: images of the compressed set for each class."),
    "planned_seeds": _number("n planned", "planned_seeds", "d"),
    "teacher": _text("Teacher", "teacher"),
    "teacher_accuracy": _number("Teacher accuracy (%)", "teacher_accuracy", ".2f", 100),
    "teacher_bytes": _number("Teacher bytes", "teacher_bytes", ",d", 1, _TEACHER_BYTES),
}


def _identity(field: Field) -> Column:
    """The column of a field of a row."""
    title = field.metadata["title"]
    if field.metadata.get("digest"):
        return _digest(title, field.name)
    return _number(title, field.name, "d") if isinstance(field.default, int) else _text(title, field.name)


IDENTITY = {f.name: _identity(f) for f in fields(Row) if "title" in f.metadata}
"""What tells rows apart: a column where a table's rows differ in it, otherwise part of its caption."""
WITH_TEACHER = ("teacher", "teacher_accuracy", "teacher_bytes")  # shown unasked where a row has a teacher
LEARNED = ("labels", "learned_lr")  # shown unasked where a row was trained by what came with its images
UNASKED = (*WITH_TEACHER, *LEARNED)


def check_columns(names: Sequence[str]) -> tuple[str, ...]:
    """The names, each once.

    Raises:
        UserError: one of them is no column that can be chosen.
    """
    for name in names:
        if name not in CHOSEN:
            known = ", ".join(CHOSEN)
            raise UserError(f"there is no column {name!r} to show{did_you_mean(name, CHOSEN)}", mend=f"some of {known}")
    return tuple(dict.fromkeys(names))


def columns(rows: pd.DataFrame, chosen: Sequence[str] = ()) -> list[Column]:
    """The columns of one section.

    Args:
        rows: its rows.
        chosen: names of further columns, in their order; one appears only where some row has a value.
    """
    unasked = [*WITH_TEACHER] * has_teacher(rows) + [*LEARNED] * has_learned(rows)
    further = [CHOSEN[name] for name in dict.fromkeys((*chosen, *unasked))]
    held = rows.to_dict("records")
    return [
        *ALWAYS,
        *(column for column in further if any(column.text(row) for row in held)),
        *(IDENTITY[name] for name in differing(rows)),
        _text("Status", "status"),
        *[_text("Source", "source")] * has_published(rows),
        *[_text("Picture", "picture")] * bool((rows["picture"] != "").any()),
        *[_text("Sealed", "sealed")] * bool((rows["sealed"] == "yes").any()),
        *[AGAINST] * ("against" in rows),
        *[VERIFIED] * bool((rows["verified"] != "").any()),
        *[_text("Match", "match")] * bool((rows["match"] != "nominal").any()),
        *[_text("Coding", "coding")] * bool((~rows["coding"].isin(["none", ""])).any()),
    ]


def differing(rows: pd.DataFrame) -> list[str]:
    """The names of :data:`IDENTITY` in which the measured rows of a section differ.

    Versions count where one method has several, and so does ``made``, the digest of all that a file depends on, where
    nothing else tells two rows of a method and a budget apart.
    """
    ours = rows[rows["source"] == MEASURED]
    told = [
        name for name in IDENTITY if name not in ("method_version", "made") and ours[name].nunique(dropna=False) > 1
    ]
    if (ours.groupby("method")["method_version"].nunique(dropna=False) > 1).any():
        told.append("method_version")
    alike = ["method", "ratio", "match", "coding", "teacher", *told]
    if (ours.groupby(alike, dropna=False)["made"].nunique() > 1).any():
        told.append("made")
    return told


def caption(rows: pd.DataFrame) -> str:
    """What all measured rows of a section have in common, as one sentence; "" where they say nothing."""
    ours = rows[rows["source"] == MEASURED]
    if ours.empty:
        return ""
    apart, first = (
        {*differing(rows), "method_version", "architecture_version", "made", "trained"},
        ours.iloc[0].to_dict(),
    )
    same = [(c.title.lower(), c.text(first)) for name, c in IDENTITY.items() if name not in apart]
    text = ", ".join(f"{title} {value}" for title, value in same if value)
    return f"All rows: {text}." if text else ""


def cells(rows: pd.DataFrame, shown: Sequence[Column]) -> list[list[str]]:
    """The texts of each row, not yet escaped."""
    return [[column.text(row) for column in shown] for row in rows.to_dict("records")]


def has_published(rows: pd.DataFrame) -> bool:
    """Whether a row is taken from a paper."""
    return bool((rows["source"] != MEASURED).any())


def has_teacher(rows: pd.DataFrame) -> bool:
    """Whether a teacher labelled the images of a row."""
    return bool((rows["teacher"] != "").any())


def has_learned(rows: pd.DataFrame) -> bool:
    """Whether a row was trained by soft labels or a learning rate out of its file."""
    return bool((rows["labels"].str.contains("soft") | rows["learned_lr"].notna()).any())
