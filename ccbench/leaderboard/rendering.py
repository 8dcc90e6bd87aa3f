"""A leaderboard as CSV, Markdown, HTML or LaTeX. Fractions in CSV, per cent everywhere else."""

from __future__ import annotations

from collections.abc import Iterator

import pandas as pd

from ccbench.errors import UserError
from ccbench.leaderboard.escaping import ESCAPES
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
_NUMERIC = 8  # columns 1..7 hold numbers


def render(frame: pd.DataFrame, fmt: str) -> str:
    """The whole leaderboard as text.

    Args:
        frame: from :func:`ccbench.leaderboard.table`; rows of ``published()`` may be appended.
        fmt: ``csv`` (every column, fractions), ``md``, ``html`` (a whole page, nothing loaded from elsewhere)
            or ``latex`` (``tabular`` environments; needs booktabs).

    Raises:
        UserError: an unknown format.
    """
    if fmt == "csv":
        return frame.to_csv(index=False, float_format="%.8g", lineterminator="\n")
    builders = {"md": _markdown, "html": _html, "latex": _latex}
    if fmt not in builders:
        raise UserError("the format is one of " + ", ".join(FORMATS), found=fmt)
    return builders[fmt](frame)


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


def header(rows: pd.DataFrame) -> list[str]:
    """Column titles with their units."""
    names = ["Method", "Ratio", "Nominal ratio", "Measured ratio", "Bytes", "Accuracy (%)", "n", "vs random (points)",
             "vs full (points)", "Status"]  # fmt: skip
    return names + ["Source"] * _has_published(rows) + ["Match"] * _has_matches(rows)


def cells(rows: pd.DataFrame) -> Iterator[list[str]]:
    """The texts of each row, not yet escaped; an empty text where there is no value."""
    for row in rows.to_dict("records"):
        accuracy = number(row["accuracy_mean"], ".2f", 100)
        spread = number(row["accuracy_std"], ".2f", 100)
        accuracy = f"{accuracy} ± {spread}" if spread else accuracy
        texts = [
            row["method"], number(row["ratio"], ".4f"), number(row["nominal_ratio"], ".4f"),
            number(row["measured_ratio"], ".4f"), number(row["bytes"], ",d"), accuracy,
            number(row["n_seeds"], "d"), number(row["diff_random"], "+.2f", 100), number(row["diff_full"], "+.2f", 100),
            row["status"],
        ]  # fmt: skip
        yield texts + [row["source"]] * _has_published(rows) + [row["match"]] * _has_matches(rows)


def number(value: float | None, form: str, times: float = 1) -> str:
    """A number as text, or an empty text where it is missing."""
    if value is None or pd.isna(value):
        return ""
    if form.endswith("d"):
        return format(int(value), form)
    text = format(float(value) * times, form)
    return text if text.strip("-0.") else text.replace("-", "+" if form.startswith("+") else "")


def _has_published(rows: pd.DataFrame) -> bool:
    return bool((rows["source"] != MEASURED).any())


def _has_matches(rows: pd.DataFrame) -> bool:
    return bool((rows["match"] != "nominal").any())


def notes(frame: pd.DataFrame) -> list[str]:
    """What a reader of the tables must know."""
    return [NOTE, *([PUBLISHED_NOTE] if _has_published(frame) else []), *frame.attrs.get("notes", [])]


def _markdown(frame: pd.DataFrame) -> str:
    escape = ESCAPES["md"]
    parts = ["# Leaderboard\n"]
    for title, rows in sections(frame):
        names = header(rows)
        rule = ["---:" if 1 <= i <= _NUMERIC else "---" for i in range(len(names))]
        lines = [names, rule, *([escape(c) for c in row] for row in cells(rows))]
        parts.append(f"## {escape(title)}\n\n" + "\n".join(f"| {' | '.join(line)} |" for line in lines) + "\n")
    return "\n".join([*parts, *(f"{escape(n) if n not in (NOTE, PUBLISHED_NOTE) else n}\n" for n in notes(frame))])


def _html(frame: pd.DataFrame) -> str:
    escape = ESCAPES["html"]
    parts = ["<!DOCTYPE html>", '<html lang="en"><head><meta charset="utf-8"><title>Leaderboard</title>',
             f"<style>{_STYLE}</style></head><body>", "<h1>Leaderboard</h1>"]  # fmt: skip
    for title, rows in sections(frame):
        kinds = [' class="n"' if 1 <= i <= _NUMERIC else "" for i in range(len(header(rows)))]
        head = "".join(f"<th{k}>{escape(n)}</th>" for k, n in zip(kinds, header(rows), strict=True))
        parts += [f"<h2>{escape(title)}</h2>", f"<table><thead><tr>{head}</tr></thead><tbody>"]
        for texts, source in zip(cells(rows), rows["source"], strict=True):
            mark = "" if source == MEASURED else ' class="published"'
            body = "".join(f"<td{k}>{escape(c)}</td>" for k, c in zip(kinds, texts, strict=True))
            parts.append(f"<tr{mark}>{body}</tr>")
        parts.append("</tbody></table>")
    return "\n".join([*parts, *(f"<p>{escape(n)}</p>" for n in notes(frame)), "</body></html>", ""])


def _latex(frame: pd.DataFrame) -> str:
    escape = ESCAPES["latex"]
    parts = ["% needs \\usepackage{booktabs}"]
    for title, rows in sections(frame):
        names = header(rows)
        columns = "".join("r" if 1 <= i <= _NUMERIC else "l" for i in range(len(names)))
        lines = [" & ".join(map(escape, texts)) + r" \\" for texts in cells(rows)]
        head = " & ".join(map(escape, names)) + r" \\"
        body = [r"\toprule", head, r"\midrule", *lines, r"\bottomrule"]
        table = [rf"\begin{{tabular}}{{{columns}}}", *body, r"\end{tabular}"]
        caption = rf"\caption{{{escape(title)}. {escape(NOTE)}}}"
        parts.append("\n".join([r"\begin{table}", caption, *table, r"\end{table}"]))
    return "\n\n".join([*parts, *("% " + escape(n) for n in notes(frame)[1:])]) + "\n"
