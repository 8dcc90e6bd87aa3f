"""``ccbench verify --ci`` on copies of our own published tables."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from ccbench.__main__ import main
from ccbench.leaderboard import write
from ccbench.leaderboard.rendering import render
from ccbench.leaderboard.writing import load, write_files
from ccbench.publishing import manifest
from ccbench.records.record import checksum, read_all, read_one
from ccbench.verification.claims import as_cell

BOARDS = Path(__file__).parents[3] / "leaderboards"


@pytest.fixture
def board(tmp_path):
    """A board with rows that ended well and rows that were skipped."""
    shutil.copytree(BOARDS / "photodigits-bytes", tmp_path / "boards" / "photodigits-bytes")
    return tmp_path / "boards" / "photodigits-bytes"


@pytest.fixture
def held(capsys):
    def run(*arguments):
        code = main(["verify", "--ci", *map(str, arguments)])
        return code, capsys.readouterr().out

    return run


def put(path, record):
    facts = record.plain()
    path.write_text(json.dumps({**facts, "checksum": checksum(facts)}, indent=1) + "\n")


def test_our_own_leaderboards_hold(held):
    code, told = held(BOARDS)
    assert code == 0, told


def test_an_edited_table_is_found_with_its_line(board, held):
    table = board / "leaderboard.csv"
    table.write_text(table.read_text().replace("0.90533333", "0.95533333", 1))
    code, told = held(board)
    assert code == 1
    assert "leaderboard.csv" in told
    assert "wrong  table: it is not what the records make" in told
    assert "0.955333" in told


def test_a_row_that_was_skipped_and_is_gone_is_told_by_the_tables(board, held):
    for path in (board / "results" / "photodigits" / "webp").glob("*.json"):
        if read_one(path).status == "skipped":
            path.unlink()
    assert held(board)[0] == 1
    write(board)
    assert held(board)[0] == 0  # whoever writes the tables anew leaves no trace in this folder
    code, told = held(board, "--since", BOARDS / "photodigits-bytes")
    assert code == 1
    assert "it was there before, and is gone or changed" in told


def test_a_row_of_another_protocol_version_is_found(board, held):
    path = next(p for p in board.rglob("results/**/*.json") if read_one(p).ok)
    new = replace(read_one(path), protocol_version="1")
    path.unlink()
    new = replace(new, cell=as_cell(new).id)
    put(new.path(board), new)
    write(board)
    code, told = held(board)
    assert code == 1
    assert "wrong  protocol_version: the record says 1, installed is 2" in told
    assert main(["verify", str(board)]) == 0  # elsewhere an older row is no fault


def test_a_record_without_the_digest_of_its_file_is_found(board, held):
    path = next(p for p in board.rglob("results/**/*.json") if read_one(p).ok)
    put(path, replace(read_one(path), artifact_sha256=None))
    code, told = held(board)
    assert code == 1
    assert "wrong  artifact_sha256: an ok record has none" in told


def test_tables_with_chosen_columns_and_published_rows_hold(board, held):
    frame = load([board], published=True)
    write_files(frame, board, ("bits_per_pixel", "images"))
    assert "Bits per pixel" in render(frame, "md", ("bits_per_pixel",))
    code, told = held(board)
    assert code == 0, told


def test_a_published_folder_is_held_to_its_manifest(board, held):
    folder = board.parent
    assert main(["publish", str(folder), str(folder), "--no-images"]) == 0
    assert manifest.is_published(folder)
    assert held(folder)[0] == 0
    page = folder / "index.html"
    page.write_text(page.read_text().replace("<h1", "<h1 "))
    record = next(path for path in board.rglob("results/**/*.json") if not read_one(path).ok)
    record.unlink()
    write(board)
    code, told = held(folder)
    assert code == 1
    assert f"{page}\n" in told
    assert "this page was changed after it was published" in told
    assert "a record that was published is not there" in told


def test_since_is_for_repositories(board, capsys):
    assert main(["verify", str(board), "--since", str(board)]) == 2
    assert "add --ci" in capsys.readouterr().err
    assert len(read_all(board)[0]) > 100
