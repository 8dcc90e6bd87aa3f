"""How long a plan says it takes, worked out by hand."""

import sys
from dataclasses import replace
from fractions import Fraction

import pytest

from ccbench.budget import DataShape
from ccbench.offers.discovery import plugins
from ccbench.offers.expressions import parse
from ccbench.records.cells import Cell
from ccbench.records.record import Record
from ccbench.runner.estimate import estimate
from ccbench.runner.plan import Data, Plan

SMALL, LARGE = DataShape(100, 32, 32, 10), DataShape(100, 224, 224, 10)
CELL = Cell(dataset="folder:x", method="random", kept=Fraction(1, 10), architecture="quicknet", protocol="quick")


def plan(shape=SMALL, methods=("random", "mediancut")):
    return Plan(expressions={m: parse(m, plugins()) for m in methods}, data={"folder:x": Data(shape)})


def record(train, compress, *, shape=SMALL, size=3000, **changes):
    facts = {
        "cell": "x", "status": "ok", "seed": 0, "ratio": 0.9, "kept": Fraction(1, 10),
        "dataset": "folder:x", "protocol": "quick", "architecture": "quicknet", "method": "random",
        "train_seconds": train, "compress_seconds": compress, "bytes": size,
        "measured_ratio": 1 - size / shape.raw_bytes,
    }  # fmt: skip
    return Record(**{**facts, **changes})


def test_medians_of_the_same_kind():
    records = [record(*seconds) for seconds in ((10.0, 1.0), (20.0, 2.0), (90.0, 3.0))]
    records += [record(1e6, 1e6, status="failed"), record(1e6, 1e6, dataset="other"), record(1e6, 9.0, protocol="slow")]
    cells = [replace(CELL, seed=seed) for seed in range(3)]
    found = estimate(plan(), cells, records)
    assert found.seconds == pytest.approx(3 * (20 + 2.5))  # every seed of a random method is compressed anew
    assert (found.cells, found.unknown, found.unmeasured) == (3, 0, ())
    assert found.text == "1 min 8 s"
    fixed = [replace(cell, method="mediancut") for cell in cells]
    again = estimate(plan(), fixed, [*records, record(20.0, 6.0, method="mediancut")])
    assert again.seconds == pytest.approx(3 * 20 + 6)  # one file for all seeds


def test_pixels_count():
    found = estimate(plan(LARGE), [CELL], [record(10.0, 1.0)])
    assert found.seconds == pytest.approx(49 * 11)
    both = estimate(plan(LARGE), [CELL], [record(10.0, 1.0), record(490.0, 49.0, shape=LARGE)])
    assert both.seconds == pytest.approx(49 * 11)


def test_what_is_not_known_is_said():
    other = replace(CELL, architecture="resnet18")
    nothing = estimate(plan(), [CELL, other], [])
    assert (nothing.seconds, nothing.unknown) == (0, 2)
    assert nothing.text.startswith("unknown, ")
    part = estimate(plan(), [CELL, other], [record(10.0, 1.0)])
    assert part.text.startswith("at least 11 s, and 1 of 2 cells")
    method = estimate(plan(), [replace(CELL, method="mediancut")], [record(10.0, 1.0)])
    assert method.unmeasured == ("mediancut",)
    assert method.text == "at least 10 s, and what mediancut take to compress, which is not recorded there yet"
    assert estimate(plan(), [CELL], [record(0.1, 0.0)]).text == "less than a second"
    assert estimate(plan(), [CELL], [record(1.0, 1.0, bytes=None)]).unknown == 1


def test_a_plan_without_records_says_unknown(tmp_path, monkeypatch, capsys):
    from ccbench.__main__ import main

    monkeypatch.setenv("CCBENCH_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.chdir(tmp_path)
    assert main(["plan", "-m", "random", "--ratio", "0.9"]) == 0
    said = capsys.readouterr().out
    assert "estimated time of one job, from the records in ccbench-out: unknown, as nothing" in said
    assert "0 s" not in said
