"""The papers' tables of which a board has numbers: suites in their own shape, ours beside the published."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

from ccbench.errors import UserError
from ccbench.offers.discovery import Plugins
from ccbench.publishing.board import Board
from ccbench.records.cells import slug
from ccbench.suites.grid import Lookup
from ccbench.suites.model import chosen, read
from ccbench.suites.rendering import html_table, notes, title
from ccbench.suites.results import Results
from ccbench.suites.table import build


@dataclass(frozen=True)
class PaperTable:
    """A suite with numbers of ours.

    Attributes:
        name: of the suite.
        page: where its page lies in the published folder.
        title: paper, table and title.
        table: an HTML element, its texts escaped.
        notes: what a reader of it must know.
        measured: how many of its cells have a number of ours.
    """

    name: str
    page: str
    title: str
    table: Markup
    notes: Sequence[str]
    measured: int


def paper_tables(board: Board, plugins: Plugins) -> tuple[list[PaperTable], list[str]]:
    """The suites of which the board has a number, and a line for each that cannot be read."""
    results = Results(attempt.record for line in board.lines for attempt in line.counting)
    lookup, found, problems = Lookup(plugins), [], []
    for name in plugins.all("suite"):
        try:
            suite = read(name, plugins)
            table = build(suite, *chosen(suite, (), ()), lookup, results)
        except UserError as error:
            problems.append(f"suite {name} is not shown: {error.what}")
            continue
        if measured := sum(entry.ours is not None for entry in table.entries.values()):
            page = f"suites/{slug(name)}.html"
            element = Markup(html_table(table))  # noqa: S704 - it escapes every text
            found.append(PaperTable(name, page, title(suite), element, notes(table), measured))
    return found, problems
