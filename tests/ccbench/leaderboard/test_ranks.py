"""Average ranks, against answers worked out by hand."""

import math
from fractions import Fraction

import pytest

from ccbench.__main__ import main
from ccbench.leaderboard import render as rendered
from ccbench.leaderboard import table
from ccbench.leaderboard.ranks import Ranks, png, ranks, render
from ccbench.leaderboard.writing import load
from ccbench.records.cells import Cell
from ccbench.records.record import Record, write_record


def rows(numbers):
    """Records of methods over budgets: {"dcq": [0.5, None, 0.7]}."""
    made = []
    for method, accuracies in numbers.items():
        for place, accuracy in enumerate(accuracies, start=2):
            facts = {"dataset": "toy", "method": method, "kept": Fraction(1, place), "architecture": "quicknet",
                     "protocol": "quick", "seed": 0}  # fmt: skip
            cell = Cell(**facts)
            if accuracy is not None:
                made.append(Record(**facts, cell=cell.id, status="ok", ratio=cell.ratio, accuracy=accuracy))
    return made


ORDERED = {"a": [0.9] * 5, "b": [0.8] * 5, "c<d": [0.7] * 5}


def test_friedman_and_nemenyi_by_hand():
    found = ranks(table(rows(ORDERED)))
    assert found.average == {"a": 1, "b": 2, "c<d": 3}
    # sums of ranks 5, 10, 15: chi² = 12 / (5·3·4) · 350 - 3·5·4 = 10; of 2 degrees p = exp(-10/2)
    assert (found.blocks, found.statistic) == (5, pytest.approx(10))
    assert found.p == pytest.approx(math.exp(-5))
    # Demšar's table has q = 2.343 for 3 methods
    assert found.critical == pytest.approx(2.343 * math.sqrt(3 * 4 / (6 * 5)), rel=5e-4)
    assert found.alike() == [("a", "b"), ("b", "c<d")]


def test_ties_share_their_rank():
    found = ranks(table(rows({"a": [0.9, 0.8, 0.9, 0.9, 0.9], "b": [0.9, 0.9, 0.8, 0.8, 0.8], "c": [0.1] * 5})))
    assert found.average == {"a": pytest.approx((1.5 + 2 + 3) / 5), "b": pytest.approx((1.5 + 1 + 6) / 5), "c": 3}


def test_gaps_leave_out_what_costs_least():
    numbers = {**ORDERED, "rare": [0.5, None, None, None, None]}
    assert set(ranks(table(rows(numbers))).average) == set(ORDERED)
    assert ranks(table(rows({**ORDERED, "c<d": [0.7] * 4 + [None]}))).why  # four comparisons are too few


@pytest.mark.parametrize("numbers", [{"a": [0.5] * 9, "b": [0.6] * 9}, {"a": [0.5]}, {n: [0.5] * 4 for n in "abcd"}])
def test_too_few_rows_are_said(numbers):
    found = ranks(table(rows(numbers)))
    assert found.why.startswith("No ranks: they need at least 3 methods in 5 comparisons")
    assert render(found, "md") == f"{found.why}\n"


def test_where_nothing_differs_that_is_said():
    assert "the same accuracy" in ranks(table(rows({n: [0.5] * 6 for n in "abc"}))).why
    mixed = ranks(
        table(rows({"a": [0.1, 0.2, 0.3, 0.1, 0.2, 0.3], "b": [0.2, 0.3, 0.1] * 2, "c": [0.3, 0.1, 0.2] * 2}))
    )
    assert "finds no difference" in mixed.sentence


def test_names_of_strangers_are_escaped_and_the_diagram_is_drawn():
    found = ranks(table(rows(ORDERED)))
    assert "| c&lt;d |" in render(found, "md") or r"| c\<d |" in render(found, "md")
    assert render(found, "csv").splitlines()[1] == '"a",1,yes'
    assert png(found).startswith(b"\x89PNG")
    assert Ranks(average={"$x$": 1.0, "_y": 2.0, "z": 2.5}, critical=1.2, p=0.01, blocks=6).alike()


def test_through_the_command_line(tmp_path, capsys):
    for record in rows({"a": [0.9] * 5, "b": [0.8] * 5, "c": [0.7] * 5}):
        write_record(record, tmp_path)
    assert main(["ranks", "--out", str(tmp_path)]) == 0
    told = capsys.readouterr().out
    assert "| a | 1.00 | yes |" in told
    assert "p is rough" in told
    assert main(["ranks", "--out", str(tmp_path), "--output", str(tmp_path / "ranks.png")]) == 0
    assert (tmp_path / "ranks.png").read_bytes().startswith(b"\x89PNG")
    assert main(["ranks", "--out", str(tmp_path), "--output", "x.bmp"]) == 2
    capsys.readouterr()
    assert main(["leaderboard", "--out", str(tmp_path), "--against", "b", "--format", "md"]) == 0
    told = capsys.readouterr().out
    assert "| Against the reference |" in told
    assert "+10.00 (n too small: 1)" in told
    assert "| reference |" in told
    assert main(["leaderboard", "--out", str(tmp_path), "--against", "nobody"]) == 2
    assert "'nobody'" in capsys.readouterr().err
    assert "against" not in load([tmp_path])
    assert "against" in rendered(load([tmp_path], against="a", published=True), "csv").partition("\n")[0]
