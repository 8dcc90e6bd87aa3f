"""HTML of a board: what every page says, by its path. Everything comes from records and cards, and is text only."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any
from urllib.parse import urlsplit

from jinja2 import Environment, PackageLoader, StrictUndefined

from ccbench.leaderboard.columns import caption, cells, number
from ccbench.leaderboard.columns import columns as table_columns
from ccbench.leaderboard.escaping import clean
from ccbench.leaderboard.rendering import notes, sections
from ccbench.publishing import shown
from ccbench.publishing.again import command
from ccbench.publishing.board import Attempt, Board, Line
from ccbench.publishing.courses import courses, without
from ccbench.publishing.looks import Looks
from ccbench.publishing.methods import Method, steps_of
from ccbench.publishing.papers import PaperTable
from ccbench.publishing.site import vendored

PAPERS = "papers.html"
_MENU = (("Board", "index.html"), ("Methods", "methods.html"), ("Tables", "tables.html"), ("Files", "files.html"))
DATA = "data/board.js"
_CAPTION = "One line for each row, failed and skipped ones too. The buttons in the head sort it."
_MIB = 1 << 20
# a column's key, where a row's page says it among its results; the others stand under what makes it this row
_RESULT = ("accuracy", "best_accuracy_mean", "n", "planned_seeds", "vs_random", "vs_full", "ratio", "nominal_ratio",
           "measured_ratio", "bytes", "bits_per_pixel", "images", "ipc", "labels", "learned_lr", "teacher_accuracy",
           "teacher_bytes", "label_robust_score", "augmentation_robust_score")  # fmt: skip
_FILE = ("colorfulness", "color_distance", "compress_seconds", "construction_seconds", "picture", "sealed")
_IDENTITY = ("dataset", "network", "protocol", "budget", "kind", "match", "coding", "teacher")
_ATTEMPT = ("Seed", "Attempt", "Status", "Accuracy (%)", "Best (%)", "Last loss", "Iterations", "Training (s)",
            "Images/s", "Memory (MiB)", "Device", "torch", "Finished (UTC)")  # fmt: skip


@dataclass(frozen=True)
class Site:
    """Pages of a board.

    Attributes:
        board: what they show.
        methods: of the board's rows, by name.
        looks: by a row's id, what its compressed file gave, where it was at hand.
        papers: papers' tables of which the board has numbers.
        title: of every page.
        version: of ccbench.
    """

    board: Board
    methods: Mapping[str, Method]
    looks: Mapping[str, Looks] = field(default_factory=dict)
    papers: Sequence[PaperTable] = ()
    title: str = "ccbench leaderboard"
    version: str = ""

    def pages(self) -> Iterator[tuple[str, str]]:
        """The path and the text of every page but that of the files, and the data of the board's table."""
        yield DATA, self._data()
        yield "index.html", self._index()
        yield "methods.html", self._page("methods.html", "methods.html", methods=list(self.methods.values()))
        yield "tables.html", self._tables()
        if self.papers:
            yield PAPERS, self._page("papers.html", PAPERS, papers=self.papers)
        for paper in self.papers:
            yield paper.page, self._page("paper.html", paper.page, paper=paper)
        for line in self.board.lines:
            yield line.page, self._row(line)
        for method in self.methods.values():
            yield method.page, self._method(method)

    def files(self, **facts: Any) -> str:
        """The page of the files: exports, folders and artifacts as ``facts``."""
        return self._page("files.html", "files.html", libraries=vendored.packages(), **facts)

    @cached_property
    def columns(self) -> list[shown.Shown]:
        """Of the board's table."""
        return shown.columns(self.board.lines, self.methods)

    @cached_property
    def _templates(self) -> Environment:
        loader = PackageLoader("ccbench.publishing.site", "templates")
        return Environment(
            loader=loader, autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
        )

    @cached_property
    def _reading(self) -> list[str]:
        """What a reader of the numbers must know; what was left out stands elsewhere."""
        texts = notes(self.board.frame)
        return texts[: len(texts) - len(self.board.notes)]

    @cached_property
    def _menu(self) -> list[tuple[str, str]]:
        papers = [("Papers", PAPERS)] if self.papers else []
        return [
            ("Board", "index.html"),
            ("Methods", "methods.html"),
            ("Tables", "tables.html"),
            *papers,
            ("Files", "files.html"),
        ]

    def _page(self, template: str, path: str, **facts: Any) -> str:
        last = max((a.record.finished for line in self.board.lines for a in line.attempts), default="")
        common = {"title": self.title, "version": self.version, "menu": self._menu, "here": path, "last": last[:10],
                  "root": "../" * path.count("/")}  # fmt: skip
        return self._templates.get_template(template).render(**common, **facts)

    def _index(self) -> str:
        return self._page(
            "index.html",
            "index.html",
            rows=len(self.board.lines),
            records=sum(len(line.attempts) for line in self.board.lines),
            notes=[clean(note) for note in self.board.notes],
            filters=list(shown.FILTERS.items()),
            caption=_CAPTION,
            reading=self._reading,
        )

    def _data(self) -> str:
        """A script, since a page in the file system may not fetch; nothing in it ends the script or its line."""
        rows = [[*_front(line), *(one.text(line.values) for one in self.columns)] for line in self.board.lines]
        columns = [one.facts for one in self.columns]
        facts = {"columns": columns, "filters": list(shown.FILTERS), "front": 5, "state": 4, "rows": rows}
        text = json.dumps(facts, separators=(",", ":"), allow_nan=False).replace("<", "\\u003c")
        return f"window.ccbench = {text};\n"

    def _tables(self) -> str:
        tables = [
            {"title": clean(title), "columns": columns, "caption": clean(caption(rows)),
             "rows": [[clean(text) for text in row] for row in cells(rows, columns)]}
            for title, rows in sections(self.board.frame)
            for columns in [table_columns(rows)]
        ]  # fmt: skip
        return self._page("tables.html", "tables.html", tables=tables, reading=self._reading)

    def _row(self, line: Line) -> str:
        known = {one.key: one for one in self.columns}
        looks = self.looks.get(line.id)
        told = {key: (one.column.title, text) for key, one in known.items() if (text := one.text(line.values))}
        apart = {*_RESULT, *_FILE, *_IDENTITY, "method", "state", "status", "verified"}
        parts = looks.parts if looks else {}
        size = sum(parts.values())
        return self._page(
            "row.html",
            line.page,
            name=clean(line.values["method"]),
            values={key: clean(value) for key, value in line.values.items()},
            protocol=shown.protocol(line.values),
            steps=[self.methods[step] for step in steps_of(line.values["method"])],
            state=shown.state(line.values),
            result=[told[key] for key in _RESULT if key in told],
            identity=[*(told[key] for key in _IDENTITY if key in told), *_digests(line, told, apart)],
            command=clean(command(line.values), 4000),
            verified=line.values["verified"] or "Nobody has done this row's work again here.",
            verdicts=[(attempt.record.seed, attempt.verdict) for attempt in line.counting if attempt.verdict],
            attempts=_filled([_attempt(attempt) for attempt in line.attempts]),
            retried=any(not attempt.counts for attempt in line.attempts),
            reasons=_reasons(line.attempts),
            courses=courses(line),
            no_curve=without(line),
            file=[*(told[key] for key in _FILE if key in told), *_artifacts(line)],
            made=any(attempt.record.artifact for attempt in line.attempts),
            parts=[(part, f"{count:,}", f"{count / size:.1%}") for part, count in parts.items()],
            looks=looks,
            figures=looks.figures if looks else [],
        )

    def _method(self, method: Method) -> str:
        card = method.card or {}
        titles = ("dataset", "protocol", "budget", "bytes", "accuracy", "n", "status")
        known = {one.key: one for one in self.columns}
        rows = [
            {"page": line.page, "name": clean(line.values["method"]),
             "texts": [known[key].text(line.values) for key in titles]}
            for line in method.lines
        ]  # fmt: skip
        return self._page(
            "method.html",
            method.page,
            method=method,
            url=_web(card.get("paper", {}).get("url", "")),
            open=card.get("open", []),
            titles=[known[key].column.title for key in titles],
            rows=rows,
        )


def _front(line: Line) -> list[Any]:
    """What the scripts need beside the texts: id, bytes, accuracy and its spread in per cent, state."""
    values = line.values
    accuracy, spread = (
        None if values[name] is None else round(100 * values[name], 4) for name in ("accuracy_mean", "accuracy_std")
    )
    return [line.id, values["bytes"], accuracy, spread, shown.state(values)]


def _digests(line: Line, told: Mapping[str, tuple[str, str]], apart: set[str]) -> Iterator[tuple[str, str]]:
    """The other columns; digests whole."""
    for key, (title, text) in told.items():
        if key not in apart:
            yield title, clean(line.values[key]) if text and title in _WHOLE else text


_WHOLE = ("Data", "Test data", "Training", "Compression")


def _attempt(attempt: Attempt) -> dict[str, Any]:
    record = attempt.record
    environment = record.environment
    memory = None if record.peak_memory is None else record.peak_memory / _MIB
    texts = [
        str(record.seed),
        str(record.attempt),
        record.status,
        number(record.accuracy, ".2f", 100),
        number(record.best_accuracy, ".2f", 100),
        number(record.final_loss, ".4g"),
        number(record.iterations, ",d"),
        number(record.train_seconds, ",.1f"),
        number(record.images_per_second, ",.0f"),
        number(memory, ",.0f"),
        clean(environment.get("device", ""), 60),
        clean(environment.get("torch", ""), 40),
        clean(record.finished.removesuffix("+00:00"), 40),
    ]
    return {"counts": attempt.counts, "texts": texts, "href": attempt.path, "cell": record.cell}


def _filled(attempts: list[dict[str, Any]]) -> dict[str, Any]:
    """The columns of :data:`_ATTEMPT` in which there is a text, and the lines."""
    kept = [place for place, _ in enumerate(_ATTEMPT) if any(one["texts"][place] for one in attempts)]
    lines = [{**one, "texts": [one["texts"][place] for place in kept]} for one in attempts]
    return {"titles": [_ATTEMPT[place] for place in kept], "lines": lines}


def _reasons(attempts: Sequence[Attempt]) -> list[str]:
    """Why attempts did not end well, each once."""
    told = (f"{a.record.status}: {clean(a.record.reason)}" for a in attempts if a.record.reason)
    return list(dict.fromkeys(told))


def _artifacts(line: Line) -> list[tuple[str, str]]:
    """Of each seed the digest of its compressed file."""
    digests = {
        attempt.record.artifact_sha256: attempt.record.artifact
        for attempt in line.counting
        if attempt.record.artifact_sha256
    }
    return [(f"sha256 of {clean(name, 60)}", clean(digest, 64)) for digest, name in digests.items()]


def _web(url: str) -> str:
    """A link that only leads to the web; "" for any other text."""
    parts = urlsplit(url)
    return url if parts.scheme in {"http", "https"} and parts.netloc else ""
