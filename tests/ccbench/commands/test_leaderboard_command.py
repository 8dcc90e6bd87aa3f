import csv
import io
from fractions import Fraction

import pytest

from ccbench.records.record import Record, write_record


def fill(out, method="dcq", cell="a", **changes):
    facts = {"cell": cell, "status": "ok", "dataset": "cifar10", "method": method, "architecture": "resnet18"}
    facts |= {"protocol": "quick", "kept": Fraction(1, 12), "ratio": float(1 - 2 / 24), "seed": 0}
    facts |= {"accuracy": 0.5, "measured_ratio": 0.91, "bytes": 10}
    write_record(Record(**{**facts, **changes}), out)
    return out


def test_markdown_is_printed_and_nothing_is_touched(ccbench, tmp_path):
    out = fill(tmp_path / "o")
    before = {p: p.stat().st_mtime_ns for p in tmp_path.rglob("*")}
    done = ccbench("leaderboard", "--out", out)
    assert done.code == 0
    assert "| dcq | 0.9167 |" in done.out
    assert before == {p: p.stat().st_mtime_ns for p in tmp_path.rglob("*")}


def test_files_are_written_where_it_is_said(ccbench, tmp_path):
    one, two = fill(tmp_path / "1"), fill(tmp_path / "2", "ccs", "b")
    done = ccbench("leaderboard", "--out", one, "--out", two, "--write", tmp_path / "both")
    assert done.code == 0
    assert str(tmp_path / "both") in done.err
    assert done.out in (tmp_path / "both" / "leaderboard.md").read_text()
    assert "ccs" in (tmp_path / "both" / "leaderboard.csv").read_text()
    assert (tmp_path / "both" / "leaderboard.png").read_bytes().startswith(b"\x89PNG")
    assert not (one / "leaderboard.csv").exists()
    (tmp_path / "file").write_text("mine")
    refused = ccbench("leaderboard", "--out", one, "--write", tmp_path / "file")
    assert refused.code == 2
    assert (tmp_path / "file").read_text() == "mine"


def test_the_default_folder(ccbench, tmp_path):
    fill(tmp_path / "here" / "ccbench-out")
    assert ccbench("leaderboard").code == 0


def test_several_folders_are_merged_and_left_as_they_are(ccbench, tmp_path):
    one, two = fill(tmp_path / "1"), fill(tmp_path / "2", "ccs", "b")
    done = ccbench("leaderboard", "--out", one, "--out", two, "--format", "csv")
    assert [row["method"] for row in csv.DictReader(io.StringIO(done.out))] == ["ccs", "dcq"]
    assert not (one / "leaderboard.csv").exists()


@pytest.mark.parametrize(
    ("fmt", "mark"), [("md", "# Leaderboard"), ("html", "<!DOCTYPE html>"), ("latex", r"\toprule")]
)
def test_formats(ccbench, tmp_path, fmt, mark):
    assert mark in ccbench("leaderboard", "--out", fill(tmp_path / "o"), "--format", fmt).out


@pytest.mark.parametrize(
    ("name", "start"), [("t.html", b"<!DOCTYPE"), ("t.png", b"\x89PNG"), ("t.tex", b"%"), ("t.csv", b"method,")]
)
def test_output_file(ccbench, tmp_path, name, start):
    done = ccbench("leaderboard", "--out", fill(tmp_path / "o"), "--output", tmp_path / name)
    assert (done.code, done.out) == (0, "")
    assert (tmp_path / name).read_bytes().startswith(start)


def test_published(ccbench, tmp_path):
    done = ccbench("leaderboard", "--out", fill(tmp_path / "o"), "--published")
    assert "published: DCQ, Table 1" in done.out
    assert "89.15" in done.out


def test_further_columns(ccbench, tmp_path):
    out = fill(tmp_path / "o", colorfulness=31.256)
    done = ccbench("leaderboard", "--out", out, "--columns", "colorfulness,color_distance", "--write", out)
    assert "Colourfulness" in done.out
    assert "31.26" in done.out
    assert done.out in (out / "leaderboard.md").read_text()
    assert ccbench("leaderboard", "--out", out, "--write", out).code == 0
    assert "Colourfulness" not in (out / "leaderboard.md").read_text()
    wrong = ccbench("leaderboard", "--out", out, "--columns", "colour")
    assert wrong.code == 2
    assert "colorfulness" in wrong.err


def test_faults(ccbench, tmp_path):
    empty = ccbench("leaderboard", "--out", tmp_path / "nothing")
    assert empty.code == 2
    assert "no result records" in empty.err
    assert not (tmp_path / "nothing").exists()
    odd = ccbench("leaderboard", "--out", fill(tmp_path / "o"), "--output", "x.docx")
    assert odd.code == 2
    assert ".html" in odd.err
    record = next((tmp_path / "o").rglob("*.json"))
    record.write_text(record.read_text().replace('"schema": 1', '"schema": 99'))
    newer = ccbench("leaderboard", "--out", tmp_path / "o")
    assert newer.code == 2
    assert str(record) in newer.err


def test_on_a_terminal(tmp_path):
    from rich.console import Console

    from ccbench.leaderboard.terminal import show
    from ccbench.leaderboard.writing import load

    fill(tmp_path, "x[bold=1]")
    console = Console(file=(told := io.StringIO()), width=200)
    show(load([tmp_path]), console)
    assert "x[bold=1]" in told.getvalue()  # as text, not as markup
