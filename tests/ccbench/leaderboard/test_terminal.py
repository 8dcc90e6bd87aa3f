"""The table on a terminal: what does not fit goes in an order, and nothing that is shown is cut."""

import io
import re

import pytest
from rich.console import Console

from ccbench.leaderboard import table
from ccbench.leaderboard.columns import cells, columns
from ccbench.leaderboard.terminal import show

TAUGHT = {"teacher": "resnet18", "teacher_accuracy": 0.9, "teacher_bytes": 44_000_000}


def shown(frame, width):
    console = Console(file=(told := io.StringIO()), width=width, color_system=None)
    show(frame, console)
    text = told.getvalue()
    assert max(map(len, text.splitlines())) <= width
    return text


def titles(text):
    """The titles of the columns, put together again from their lines."""
    lines = [re.split("[┃]", line)[1:-1] for line in text.splitlines() if line.startswith("┃")]
    return [" ".join(part.strip() for part in parts if part.strip()) for parts in zip(*lines, strict=True)]


@pytest.fixture
def plain(make):
    return table([*make("dcq", 0.9167, [0.9, 0.89, 0.91]), *make("ccs", 0.9167, [0.61, 0.58, 0.65])])


@pytest.fixture
def crowded(make):
    long = "dc3[compensate=color_jitter]"
    rows = [make(m, 0.9167, [0.1 * i + 0.2, 0.1 * i + 0.25], bytes=3_986_393 + i, **TAUGHT) for i, m in
            enumerate(("full", long, "random"), 1)]  # fmt: skip
    return table([record for made in rows for record in made])


def test_a_wide_terminal_has_everything(plain):
    text = shown(plain, 200)
    assert titles(text) == [column.title for column in columns(plain)]
    assert "In every row" not in text


def test_columns_without_a_value_go_first(plain):
    assert [t for t in titles(shown(plain, 80)) if t.startswith("vs ")] == []
    assert titles(shown(plain, 80)) == [c.title for c in columns(plain) if not c.title.startswith("vs ")]
    assert "In every row" not in shown(plain, 80)


def test_then_what_is_the_same_in_every_row_is_told_below(plain):
    text = shown(plain, 60)
    assert "Status" not in titles(text)
    assert re.search(r"In every row: .*n 3, Status ok", text)
    assert "For want of room" not in text


def test_then_the_last_ones_with_their_names(crowded):
    text = shown(crowded, 60)
    left = re.search(r"For want of room not here: (.*)", text).group(1).split(", ")
    everything = [c.title for c in columns(crowded)]
    assert not set(left) & set(titles(text))
    for title in ("Teacher resnet18", "Teacher accuracy (%) 90.00", "Teacher bytes 44,000,000", "n 2"):
        assert title in " ".join(text.split())
    assert {"Method", "Accuracy (%)"} <= set(titles(text)) < set(everything)


@pytest.mark.parametrize("width", [60, 72, 80, 100, 120, 160])
@pytest.mark.parametrize("frame", ["plain", "crowded"])
def test_no_number_and_no_title_is_cut(frame, width, request):
    frame = request.getfixturevalue(frame)
    text = shown(frame, width)
    assert "…" not in text
    every = columns(frame)
    kept = [c for c in every if c.title in titles(text)]
    assert len(kept) == len(titles(text))
    for row in cells(frame, kept):
        for column, number in zip(kept, row, strict=True):
            if column.right and number:
                assert re.search(rf"[│ ]{re.escape(number)} │", text), number


def test_a_tiny_terminal_loses_nothing(plain):
    text = "".join(re.sub(r"[│┃\s]", "", line) for line in shown(plain, 36).splitlines())
    assert "90.00±" in text
