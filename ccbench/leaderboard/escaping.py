"""Names and reasons come from plugins and users: each format gets them as text and nothing else."""

from __future__ import annotations

import html
import re
from collections.abc import Callable

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]+")
_MARKDOWN = re.compile(r"([\\`*_{}\[\]<>()!|~&$@#]|:(?=//)|(?<=www)\.)", re.IGNORECASE)
_HARMLESS = re.compile(r"(?:[\w.,:;=+ ±%-]|\[[\w.,:=+ -]*\](?!\()|\([\w.,:;= -]*\))*", re.ASCII)
_EMPHASIS = re.compile(r"(?<![A-Za-z0-9])_|_(?![A-Za-z0-9])")
_LATEX = {
    "\\": r"\textbackslash{}", "{": r"\{", "}": r"\}", "$": r"\$", "&": r"\&", "#": r"\#", "%": r"\%", "_": r"\_",
    "~": r"\textasciitilde{}", "^": r"\textasciicircum{}", "<": r"\textless{}", ">": r"\textgreater{}",
    "|": r"\textbar{}",
    '"': r"\textquotedbl{}", "±": r"$\pm$", "–": "--", "−": "$-$", "·": r"$\cdot$", "×": r"$\times$", "…": r"\ldots{}",
}  # fmt: skip


def clean(text: object, limit: int = 600) -> str:
    """One line without control and direction characters and half surrogates, at most ``limit`` characters."""
    line = _CONTROL.sub(" ", str(text).encode("utf-8", "replace").decode()).strip()
    return line if len(line) <= limit else line[: limit - 1] + "…"


def markdown(text: object) -> str:
    r"""Text for a cell of a Markdown table; names of methods stay as they are.

    Examples:
        >>> print(markdown("ccs[fraction=0.1]+dcq"), markdown("[a](//b.c) | *d*"))
        ccs[fraction=0.1]+dcq \[a\]\(//b.c\) \| \*d\*
    """
    line = clean(text)
    if _HARMLESS.fullmatch(line) and not _EMPHASIS.search(line) and "www." not in line.lower():
        return line
    return _MARKDOWN.sub(r"\\\1", line)


def mathless(text: str) -> str:
    """Text for a figure, which takes a dollar sign for the start of a formula otherwise."""
    return text.replace("\\", "\\\\").replace("$", r"\$")


def html_text(text: object) -> str:
    """Text for an HTML element or attribute."""
    return html.escape(clean(text), quote=True)


def latex(text: object) -> str:
    """Text for a cell of a LaTeX table."""
    line = "".join(_LATEX.get(c, c) for c in clean(text))
    return (
        "{}" + line if line.startswith(("[", "*")) else line
    )  # a row ends in two backslashes, which would take [...] or *


_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")  # with one of these a spreadsheet takes a cell for more than text


def spreadsheet(text: str) -> str:
    """Text for a cell of a CSV file that no spreadsheet runs; :func:`from_spreadsheet` reads it back.

    Examples:
        >>> spreadsheet("=cmd()"), spreadsheet("dcq[bits=2]")
        ("'=cmd()", 'dcq[bits=2]')
    """
    return f"'{text}" if text.startswith((*_FORMULA, "'")) else text


def from_spreadsheet(cell: str) -> str:
    """The text that :func:`spreadsheet` made a cell of; any other cell as it stands.

    Examples:
        >>> from_spreadsheet("'=cmd()"), from_spreadsheet("dcq")
        ('=cmd()', 'dcq')
    """
    return cell[1:] if cell.startswith("'") and spreadsheet(cell[1:]) == cell else cell


ESCAPES: dict[str, Callable[[object], str]] = {"md": markdown, "html": html_text, "latex": latex}
