"""Curves of records as the tables of a row's page."""

from dataclasses import replace

import pytest

from ccbench.publishing.board import gather
from ccbench.publishing.courses import courses, without
from ccbench.records.record import write_record
from ccbench.training.curve import Curve

CURVE = Curve(iterations=(10, 2000), loss=(2.345678, 0.5), lr=(0.1, 0.00001234))


@pytest.fixture
def line(tmp_path, make):
    """The line of a row whose records have these curves."""

    def published(*curves, outcomes=(0.5, 0.6)):
        for record, curve in zip(make("random", 0.9, outcomes), curves, strict=True):
            write_record(replace(record, curve=curve), tmp_path / "out")
        return gather([tmp_path / "out"], tmp_path / "site").lines[0]

    return published


def test_a_rate_that_all_seeds_share_is_one_column(line):
    (course,) = courses(line(CURVE, CURVE))
    assert [track.title for track in course.tracks] == ["Loss, seed 0", "Loss, seed 1", "Learning rate"]
    assert course.rows == [["10", "2.346", "2.346", "0.1"], ["2,000", "0.5", "0.5", "1.23e-05"]]


def test_other_places_and_rates_leave_gaps(line):
    other = Curve(iterations=(5, 10), loss=(3.0, 1.0), lr=(0.2, 0.1), looked=(10,), accuracy=(0.6,))
    losses, looks = courses(line(CURVE, other))
    assert losses.rows == [
        ["5", "", "3", "", "0.2"], ["10", "2.346", "1", "0.1", "0.1"], ["2,000", "0.5", "", "1.23e-05", ""]
    ]  # fmt: skip
    assert [track.name for track in losses.tracks][2:] == ["learning rate", "learning rate, seed 1"]
    assert (looks.tracks[0].title, looks.rows) == ("Accuracy (%), seed 1", [["10", "60.00"]])


@pytest.mark.parametrize(
    ("curves", "outcomes", "said"),
    [
        ((CURVE, CURVE), (0.5, 0.6), ""),
        ((CURVE, None), (0.5, "failed"), ""),
        ((None, CURVE), (0.5, 0.6), "There is no curve of seed 0: its record is older than curves."),
        ((None, None), (0.5, 0.6), "There is no curve: these records are older than curves."),
        ((None, None), ("failed", "oom"), "There is no curve: no training of this row ended well."),
    ],
)
def test_why_there_is_none(line, curves, outcomes, said):
    assert without(line(*curves, outcomes=outcomes)) == said
