"""Tests over seeds, against answers worked out by hand."""

from fractions import Fraction

import pytest

from ccbench.leaderboard.comparing import compare
from ccbench.leaderboard.significance import against, holm, paired, welch
from ccbench.records.cells import Cell
from ccbench.records.record import Record


def rows(method, accuracies, **more):
    made = []
    for seed, accuracy in enumerate(accuracies):
        facts = {"dataset": "toy", "method": method, "kept": Fraction(1, 12), "architecture": "quicknet",
                 "protocol": "quick", "seed": seed, **more}  # fmt: skip
        cell = Cell(**facts)
        made.append(Record(**facts, cell=cell.id, status="ok", ratio=cell.ratio, accuracy=accuracy))
    return made


def test_the_paired_test_by_hand():
    # gains 0.01, 0.02, 0.03: t = 0.02 / (0.01 / √3) = √12; of 2 degrees of freedom p = 1 - t / √(t² + 2) = 1 - √(12/14)
    found = paired({0: 0.51, 1: 0.62, 2: 0.73}, {0: 0.5, 1: 0.6, 2: 0.7, 9: 0.1})
    assert (found.kind, found.n) == ("paired", 3)
    assert found.points == pytest.approx(0.02)
    assert found.p == pytest.approx(1 - (12 / 14) ** 0.5, rel=1e-6)
    assert not found.significant


def test_welchs_test_by_hand():
    # equal spreads: t² = 0.3² / (0.1² · 2/3) = 13.5 of 4 degrees; with sin² = t²/(t² + 4), p = 1 - sin (1 + cos²/2)
    found = welch({0: 0.4, 1: 0.5, 2: 0.6}, {0: 0.1, 1: 0.2, 2: 0.3})
    sine, cosine2 = (13.5 / 17.5) ** 0.5, 4 / 17.5
    assert found.p == pytest.approx(1 - sine * (1 + cosine2 / 2), rel=1e-6)
    assert found.significant


@pytest.mark.parametrize("test", [paired, welch])
def test_two_seeds_are_too_few(test):
    found = test({0: 0.9, 1: 0.91}, {0: 0.1, 1: 0.11})
    assert found.p is None
    assert str(found) == "+80.00 (n too small: 2)"


def test_differences_without_spread_have_no_test():
    assert paired(dict.fromkeys(range(3), 0.5), dict.fromkeys(range(3), 0.4)).why == "the same at every seed"
    assert welch(dict.fromkeys(range(3), 0.5), {s + 5: 0.4 for s in range(3)}).why == "no spread over seeds"


def test_holm_by_hand():
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([0.9, 0.8]) == [1.0, 1.0]
    assert holm([]) == []


def test_rows_are_held_against_the_reference_of_their_own_budget():
    wins, close = [0.6, 0.71, 0.79, 0.9], [0.52, 0.58, 0.73, 0.78]
    records = [
        *rows("random", [0.5, 0.6, 0.7, 0.8]),
        *rows("dcq", wins),
        *rows("ccs", close),
        *rows("few", [0.9, 0.9]),
        *rows("dcq", wins, kept=Fraction(1, 24)),
    ]
    texts = {key[2]: text for key, text in against(records, "random").items()}
    assert len(against(records, "random")) == 4  # at the other budget there is no random
    assert texts["random"] == "reference"
    assert texts["dcq"].endswith("*")
    assert texts["dcq"].startswith("+10.00 (paired, p = ")
    assert not texts["ccs"].endswith("*")
    assert texts["few"] == "+35.00 (n too small: 2)"
    assert against(records, "nobody") == {}


def test_full_is_the_reference_of_every_budget():
    records = [*rows("full", [0.9, 0.91, 0.92], kept=Fraction(1)), *rows("dcq", [0.8, 0.82, 0.81])]
    assert {key[2] for key in against(records, "full")} == {"full", "dcq"}


def test_folders_are_compared_row_by_row():
    before = [*rows("random", [0.5, 0.6, 0.7]), *rows("dcq", [0.8, 0.81, 0.82]), *rows("gone", [0.1])]
    after = [
        *rows("random", [0.5, 0.6, 0.7]),
        *rows("dcq", [0.9, 0.912, 0.921], protocol_version="2"),
        *rows("new", [0.2, 0.3]),
    ]
    told = {change.title.partition(" ")[0]: change for change in compare(before, after)}
    assert told["random"].state == "same"
    assert told["dcq"].state == "changed"
    assert told["dcq"].difference.significant
    assert told["dcq"].apart == ("protocol_version 1 to 2",)
    assert str(told["dcq"]).startswith("changed: dcq (toy, kept 1/12, quicknet, quick): +10.10 (paired, p = ")
    assert (told["gone"].state, told["new"].state) == ("only in the first", "only in the second")
