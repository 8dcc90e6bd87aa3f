"""A leaderboard as CSV, Markdown, HTML or LaTeX. Fractions in CSV, per cent everywhere else."""

from __future__ import annotations

import csv
import io
import os
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pandas as pd

from ccbench.errors import UserError
from ccbench.files import readable
from ccbench.leaderboard.columns import caption, cells, check_columns, columns, has_published
from ccbench.leaderboard.escaping import ESCAPES, from_spreadsheet, spreadsheet
from ccbench.leaderboard.robust import missing
from ccbench.leaderboard.tables import MEASURED, SECTION

FORMATS = ("csv", "md", "html", "latex")
NOTE = (
    "Ratio: the fraction of raw 24-bit bytes removed, as asked for; nominal by the papers' formula, measured from the "
    "file on disk. Accuracy: last epoch on the untouched test set, mean ± sample standard deviation over n seeds. "
    "Differences are in percentage points of the means."
)
PUBLISHED_NOTE = "Rows with a published source were trained by their paper's own recipe, not by this protocol."
_STYLE = (
    "body{font:15px/1.5 sans-serif;max-width:75rem;margin:2rem auto;padding:0 1rem}table{border-collapse:collapse}"
    "th,td{padding:.3rem .7rem;border-bottom:1px solid #ccc;text-align:left}td.n,th.n{text-align:right}"
    "tr.published{color:#555;font-style:italic}"
)


def render(frame: pd.DataFrame, fmt: str, chosen: Sequence[str] = ()) -> str:
    """The whole leaderboard as text.

    Args:
        frame: from :func:`ccbench.leaderboard.table`; rows of ``published()`` may be appended.
        fmt: ``csv`` (every column, fractions; :func:`read_csv` reads it back), ``md``, ``html`` (a whole page, nothing
            loaded from elsewhere) or ``latex`` (``tabular`` environments; needs booktabs).
        chosen: further columns of the tables, some of :data:`ccbench.leaderboard.columns.CHOSEN`; CSV has all anyway.

    Raises:
        UserError: an unknown format or column.
    """
    chosen = check_columns(chosen)
    if fmt == "csv":
        return _csv(frame).encode("utf-8", "replace").decode()  # a path may hold half surrogates, which no file can
    builders = {"md": _markdown, "html": _html, "latex": _latex}
    if fmt not in builders:
        raise UserError("the format is one of " + ", ".join(FORMATS), found=fmt)
    return builders[fmt](frame, chosen)


def read_csv(file: str | os.PathLike[str]) -> pd.DataFrame:
    """The table in a CSV file that :func:`render` gave, names as they were.

    Names that a spreadsheet would run as a formula stand there behind an apostrophe, which goes here.

    Raises:
        UserError: there is no such file, or it is no table.
    """
    try:
        with readable(Path(file)):
            frame = pd.read_csv(file, encoding="utf-8")
    except (OSError, ValueError) as error:
        raise UserError(f"{file} is not a leaderboard in CSV", found=error) from None
    return _texts(frame, from_spreadsheet)


def _csv(frame: pd.DataFrame) -> str:
    # csv quotes a line end where lines end so, and no other one
    text = _texts(frame, spreadsheet).to_csv(index=False, float_format="%.8g", lineterminator="\r\n")
    rows = csv.reader(io.StringIO(text, newline=""))
    return "".join(",".join(map(_quoted, row)) + "\n" for row in rows)


def _quoted(cell: str) -> str:
    return '"' + cell.replace('"', '""') + '"' if any(c in cell for c in ',"\r\n') else cell


def _texts(frame: pd.DataFrame, change: Callable[[str], str]) -> pd.DataFrame:
    """The same with another text in every cell that holds one; numbers stay."""
    words = frame.select_dtypes(exclude="number").columns
    changed = {name: frame[name].map(lambda cell: change(cell) if isinstance(cell, str) else cell) for name in words}
    return frame.assign(**changed)


def sections(frame: pd.DataFrame) -> Iterator[tuple[str, pd.DataFrame]]:
    """A title and the rows of each (dataset, protocol, architecture).

    Two protocols never share a section; published rows of the same dataset, network and ratios join it.
    """
    ours = frame[frame["source"] == MEASURED]
    theirs = frame[frame["source"] != MEASURED]
    shown = pd.Series(data=False, index=theirs.index)
    for key, rows in ours.groupby(SECTION, sort=True, dropna=False):
        dataset, protocol, version, architecture = key
        same = (theirs["dataset"] == dataset) & (theirs["architecture"] == architecture)
        shown |= same
        same &= theirs["ratio"].isin(rows["ratio"]) | (theirs["method"] == "full")
        both = pd.concat([rows, theirs[same]]) if same.any() else rows
        title = f"{dataset}, {architecture}, protocol {protocol}{f' (version {version})' if version else ''}"
        yield title, both.sort_values(["ratio", "match"], kind="stable")
    for key, rows in theirs[~shown].groupby(["dataset", "architecture"], sort=True):
        yield f"{key[0]}, {key[1]}, published", rows


def notes(frame: pd.DataFrame, chosen: Sequence[str] = ()) -> list[str]:
    """What a reader of the tables must know."""
    shown = (column.note for _, rows in sections(frame) for column in columns(rows, chosen))
    return [
        NOTE,
        *dict.fromkeys(filter(None, shown)),
        *missing(frame[frame["source"] == MEASURED], chosen),
        *([PUBLISHED_NOTE] if has_published(frame) else []),
        *frame.attrs.get("notes", []),
    ]


def _markdown(frame: pd.DataFrame, chosen: Sequence[str]) -> str:
    escape = ESCAPES["md"]
    parts = ["# Leaderboard\n"]
    for title, rows in sections(frame):
        shown = columns(rows, chosen)
        rule = ["---:" if column.right else "---" for column in shown]
        lines = [[c.title for c in shown], rule, *([escape(c) for c in row] for row in cells(rows, shown))]
        parts.append(f"## {escape(title)}\n\n" + "\n".join(f"| {' | '.join(line)} |" for line in lines) + "\n")
        if common := caption(rows):
            parts.append(f"{escape(common)}\n")
    texts, foreign = notes(frame, chosen), len(frame.attrs.get("notes", []))  # those speak of users' and plugins' names
    ours = len(texts) - foreign
    texts = [*texts[:ours], *map(escape, texts[ours:])]
    return "\n".join([*parts, *(f"{text}\n" for text in texts)])


def _html(frame: pd.DataFrame, chosen: Sequence[str]) -> str:
    escape = ESCAPES["html"]
    parts = ["<!DOCTYPE html>", '<html lang="en"><head><meta charset="utf-8"><title>Leaderboard</title>',
             f"<style>{_STYLE}</style></head><body>", "<h1>Leaderboard</h1>"]  # fmt: skip
    for title, rows in sections(frame):
        shown = columns(rows, chosen)
        kinds = [' class="n"' if column.right else "" for column in shown]
        head = "".join(f"<th{k}>{escape(c.title)}</th>" for k, c in zip(kinds, shown, strict=True))
        parts += [f"<h2>{escape(title)}</h2>", f"<table><thead><tr>{head}</tr></thead><tbody>"]
        for texts, source in zip(cells(rows, shown), rows["source"], strict=True):
            mark = "" if source == MEASURED else ' class="published"'
            body = "".join(f"<td{k}>{escape(c)}</td>" for k, c in zip(kinds, texts, strict=True))
            parts.append(f"<tr{mark}>{body}</tr>")
        parts.append(f"</tbody></table><p>{escape(caption(rows))}</p>")
    return "\n".join([*parts, *(f"<p>{escape(n)}</p>" for n in notes(frame, chosen)), "</body></html>", ""])


def _latex(frame: pd.DataFrame, chosen: Sequence[str]) -> str:
    escape = ESCAPES["latex"]
    parts = ["% needs \\usepackage{booktabs}"]
    for title, rows in sections(frame):
        shown = columns(rows, chosen)
        lines = [" & ".join(map(escape, texts)) + r" \\" for texts in cells(rows, shown)]
        head = " & ".join(escape(column.title) for column in shown) + r" \\"
        body = [r"\toprule", head, r"\midrule", *lines, r"\bottomrule"]
        kinds = "".join("r" if column.right else "l" for column in shown)
        table = [rf"\begin{{tabular}}{{{kinds}}}", *body, r"\end{tabular}"]
        words = rf"\caption{{{escape(title)}. {escape(caption(rows))} {escape(NOTE)}}}"
        parts.append("\n".join([r"\begin{table}", words, *table, r"\end{table}"]))
    return "\n\n".join([*parts, *("% " + escape(n) for n in notes(frame, chosen)[1:])]) + "\n"
