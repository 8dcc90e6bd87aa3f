"""The published tables come from the records beside them, and the README or a page of the documentation shows them."""

import json
import re
import shutil
from pathlib import Path

import pytest

from ccbench.leaderboard import write
from ccbench.publishing.board import gather
from ccbench.publishing.manifest import read

ROOT = Path(__file__).parents[2]
BOARDS = sorted(p.parent for p in (ROOT / "leaderboards").glob("*/leaderboard.csv"))


def test_there_are_boards():
    assert {"photodigits", "cifar10-standard"} <= {p.name for p in BOARDS}


@pytest.mark.parametrize("board", BOARDS, ids=lambda p: p.name)
def test_tables_are_rebuilt_from_their_records(board, tmp_path):
    shutil.copytree(board / "results", tmp_path / "results")
    write(tmp_path)
    for name in ("leaderboard.csv", "leaderboard.md"):
        assert (tmp_path / name).read_text() == (board / name).read_text()


@pytest.mark.parametrize("board", BOARDS, ids=lambda p: p.name)
def test_a_page_shows_this_table(board):
    pages = "\n".join(page.read_text() for page in (ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))))
    shown = re.search(rf"<!-- table: {board.name} -->\n(.*?)<!-- end -->", pages, re.DOTALL)
    assert shown, f"no page has <!-- table: {board.name} -->"
    rows = [line for line in (board / "leaderboard.md").read_text().splitlines() if line.startswith("|")]
    assert [line for line in shown.group(1).splitlines() if line.startswith("|")] == rows


AGAIN = "ccbench publish leaderboards leaderboards --title 'ccbench leaderboards'"


def test_the_published_folder_is_as_it_was_published():
    assert read(ROOT / "leaderboards").faults(ROOT / "leaderboards") == [], AGAIN
    assert read(ROOT / "leaderboards").originals == [board.name for board in BOARDS]


def test_the_published_folder_has_every_row_of_the_records():
    folder = ROOT / "leaderboards"
    index = json.loads((folder / "index.json").read_text())
    shown = {row["id"]: (row["accuracy"]["mean"], row["status"], row["records"]) for row in index["rows"]}
    lines = gather([folder], folder).lines
    assert shown == {
        line.id: (line.values["accuracy_mean"], line.values["status"], [a.path for a in line.attempts])
        for line in lines
    }, AGAIN
    assert {file.name for file in (folder / "rows").glob("*.html")} == {f"{line.id}.html" for line in lines}
