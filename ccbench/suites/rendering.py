"""A suite's table as CSV, Markdown, HTML or LaTeX. Fractions and bytes in CSV, per cent and MB everywhere else."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Sequence
from itertools import groupby

from ccbench.errors import UserError
from ccbench.leaderboard.escaping import ESCAPES, spreadsheet
from ccbench.suites.model import Suite
from ccbench.suites.table import BEST, SECOND, Entry, Table, lines

FORMATS = ("csv", "md", "html", "latex")
_SHARES = {"accuracy", "best_accuracy", "teacher_accuracy"}  # shown in per cent
_BYTES = ("bytes", "compress_memory", "peak_memory")  # shown in MB, whatever ends so
_EMPTY = "–"
_APART = "≠"
_STYLE = (
    "body{font:15px/1.5 sans-serif;margin:2rem auto;padding:0 1rem}table{border-collapse:collapse}"
    "th,td{padding:.2rem .6rem;border-bottom:1px solid #ccc;text-align:right}th.l{text-align:left}"
    "tr.published,tr.difference{color:#555}"
)


def render(table: Table, fmt: str) -> str:
    """The table as text.

    Args:
        table: of a suite.
        fmt: ``csv``, ``md``, ``html`` (a whole page, nothing loaded from elsewhere) or ``latex`` (needs booktabs).

    Raises:
        UserError: an unknown format.
    """
    builders: dict[str, Callable[[Table], str]] = {"csv": _csv, "md": _markdown, "html": _html, "latex": _latex}
    if fmt not in builders:
        raise UserError("the format of a suite's table is one of " + ", ".join(FORMATS), found=fmt)
    return builders[fmt](table)


def title(suite: Suite) -> str:
    """Paper, table and title."""
    return f"{', '.join(filter(None, (suite.paper, suite.table)))}: {suite.title}"


def notes(table: Table) -> list[str]:
    """What a reader must know of the table; what is not built last."""
    suite, said = table.suite, []
    if table.measured:
        said.append(
            "Ours: mean over n seeds ± half of its 95 % interval (Student's t), n in brackets; n=1 has no interval. "
            f"{_APART}: our interval and the published one do not meet. Bold: the best mean and every row that ties "
            "with it, which is one whose interval meets its; underlined: the next likewise. Neither counts full."
        )
    if any(entry.theirs for entry in table.entries.values()):
        runs = f"of {suite.runs} runs" if suite.runs else "of an unstated number of runs"
        said.append(
            f"Published: {runs}; the number behind ± is as printed. Its interval is 95 % by Student's t where the "
            "number of runs is stated, otherwise what is printed behind ±, otherwise the number alone. "
            "They were trained by the paper's own code."
        )
    if table.others:
        said.append(f"{table.others} further rows of these cells differ in something else, such as threads.")
    if suite.missing:
        said.append(f"Cannot be a run: {suite.missing}.")
    return [*said, *(f"Not run: {line}." for line in table.left_out)]


def _number(value: float, field: str, form: str = "") -> str:
    if field in _SHARES:
        return format(100 * value, form + ".2f")
    if field.endswith(_BYTES):
        return format(value / 1e6, form + ",.4g" if value < 1e9 else form + ",.0f")
    return format(value, form + ".5g")


def _plain(entry: Entry, what: str) -> str:
    """An entry on one of its lines, without marks; not escaped."""
    field = entry.cell.field
    if what == "ours" and entry.ours:
        half = entry.ours.half
        if half is None:
            return f"{_number(entry.ours.mean, field)} (n=1)"
        return f"{_number(entry.ours.mean, field)} ± {_number(half, field)} ({entry.ours.n})"
    if what == "published" and entry.theirs:
        std = entry.theirs.std
        return _number(entry.theirs.value, field) + ("" if std is None else f" ± {_number(std, field)}")
    if what == "difference" and entry.difference is not None:
        return _number(entry.difference, field, "+") + (f" {_APART}" if entry.apart else "")
    return _EMPTY


def _marked(table: Table, escape: Callable[[object], str], bold: str, under: str) -> Callable[[Entry, str], str]:
    """The text of an entry with its marks; ``bold`` and ``under`` have ``{}`` where it goes."""
    shapes = {BEST: bold, SECOND: under, "": "{}"}

    def text(entry: Entry, what: str) -> str:
        marks = {"ours": table.ours, "published": table.theirs}.get(what, {})
        return shapes[marks.get(entry, "")].replace("{}", escape(_plain(entry, what)), 1)

    return text


def _groups(table: Table) -> list[tuple[str, int]]:
    """The groups of columns and how many columns each has."""
    return [(group, len([*columns])) for group, columns in groupby(table.columns, key=lambda column: column.group)]


def _markdown(table: Table) -> str:
    escape = ESCAPES["md"]
    head = ["Method", "", *(escape(column.title) for column in table.columns)]
    rows = [head, ["---", "---", *["---:"] * len(table.columns)]]
    before = None
    for row, what, texts in lines(table, _marked(table, escape, "**{}**", "<u>{}</u>")):
        rows.append([escape(row.name) if row is not before else "", what, *texts])
        before = row
    body = "\n".join(f"| {' | '.join(cells)} |" for cells in rows) + "\n" if table.columns else ""
    return "\n".join([f"## {escape(title(table.suite))}\n", body, *(f"{escape(note)}\n" for note in notes(table))])


def _html(table: Table) -> str:
    escape = ESCAPES["html"]
    name = escape(title(table.suite))
    parts = ["<!DOCTYPE html>", f'<html lang="en"><head><meta charset="utf-8"><title>{name}</title>',
             f"<style>{_STYLE}</style></head><body>", f"<h1>{name}</h1>", html_table(table)]  # fmt: skip
    foot = [f"<p>{escape(note)}</p>" for note in notes(table)]
    return "\n".join([*parts, *foot, "</body></html>", ""])


def html_table(table: Table) -> str:
    """The table alone, as an HTML element; every text in it is escaped."""
    escape = ESCAPES["html"]
    groups = "".join(f'<th scope="colgroup" colspan="{n}">{escape(group)}</th>' for group, n in _groups(table))
    columns = "".join(f'<th scope="col">{escape(column.name)}</th>' for column in table.columns)
    corner = '<th scope="col" class="l">Method</th><th scope="col" class="l">number</th>'
    spans = f"<tr><td></td><td></td>{groups}</tr>" if any(group for group, _ in _groups(table)) else ""
    parts = [f"<table><thead>{spans}", f"<tr>{corner}{columns}</tr>", "</thead><tbody>"]
    for row, what, texts in lines(table, _marked(table, escape, "<b>{}</b>", "<u>{}</u>")):
        cells = "".join(f"<td>{text}</td>" for text in texts)
        parts.append(f'<tr class="{what}"><th class="l" scope="row">{escape(row.name)}</th><td>{what}</td>{cells}</tr>')
    return "\n".join([*parts, "</tbody></table>"])


def _latex(table: Table) -> str:
    escape = _in_latex
    count, at = len(table.columns), 3
    spans, rules = [], []
    for group, n in _groups(table):
        spans.append(rf"\multicolumn{{{n}}}{{c}}{{{escape(group)}}}")
        rules.append(rf"\cmidrule(lr){{{at}-{at + n - 1}}}" if group else "")
        at += n
    head = " & ".join(["Method", "", *(escape(column.name) for column in table.columns)])
    body, before = [], None
    for row, what, texts in lines(table, _marked(table, escape, r"\textbf{{}}", r"\underline{{}}")):
        body.append(" & ".join([escape(row.name) if row is not before else "", what, *texts]) + r" \\")
        before = row
    grouped = [f"{' & '.join(['', '', *spans])} \\\\", "".join(rules)] if any(g for g, _ in _groups(table)) else []
    inner = [r"\toprule", *grouped, head + r" \\", r"\midrule", *body, r"\bottomrule"]
    parts = [
        r"% needs \usepackage{booktabs}",
        r"\begin{table}",
        rf"\caption{{{escape(title(table.suite))}}}",
        rf"\begin{{tabular}}{{ll{'r' * count}}}",
        *filter(None, inner),
        r"\end{tabular}",
        *(rf"\par{{\footnotesize {escape(note)}}}" for note in notes(table)),
        r"\end{table}",
    ]
    return "\n".join(parts) + "\n"


def _in_latex(text: object) -> str:
    return ESCAPES["latex"](text).replace(_APART, r"$\neq$")


def _csv(table: Table) -> str:
    facts = ("ours", "interval", "n", "published", "published std", "difference", "apart")
    head = ["method", *(f"{column.title} {fact}" for column in table.columns for fact in facts)]
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow([spreadsheet(cell) for cell in head])
    for row in table.rows:
        entries = [table.entries[row, column] for column in table.columns]
        writer.writerow([spreadsheet(row.name), *(cell for entry in entries for cell in _facts(entry))])
    return out.getvalue().encode("utf-8", "replace").decode()


def _facts(entry: Entry) -> Sequence[str]:
    ours, theirs = entry.ours, entry.theirs
    apart = {None: "", True: "yes", False: "no"}[entry.apart]
    values = (ours and ours.mean, ours and ours.half), (theirs and theirs.value, theirs and theirs.std)
    told = [["" if v is None else format(v, ".8g") for v in pair] for pair in values]
    difference = "" if entry.difference is None else format(entry.difference, ".8g")
    return [*told[0], str(ours.n) if ours else "", *told[1], difference, apart]
