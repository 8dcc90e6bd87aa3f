"""DC3's published numbers: cells read from the paper by hand, and ratios that are its images per class."""

import csv
import io
import re
from fractions import Fraction

import pytest

from ccbench.offers.cards import registry
from ccbench.offers.discovery import plugins
from ccbench.offers.expressions import parse

CLASSES = {"imagewoof": 10, "imagenette": 10, "tiny-imagenet": 200, "cifar10": 10, "cifar100": 100}
IMAGES = {"imagewoof": 9025, "imagenette": 9469, "tiny-imagenet": 100_000, "cifar10": 50_000, "cifar100": 50_000}
ELSEWHERE = {"minimax", "d4m", "igd", "sre2l", "datadam", "autopalette"}  # methods that ccbench does not have
COUNTS = {2: 38, 3: 30, 6: 12, 7: 10, 9: 15, 13: 30}


def table(number):
    text = (registry() / "published" / f"dc3_table{number}.csv").read_text(encoding="utf-8")
    return list(csv.DictReader(io.StringIO(text)))


@pytest.mark.parametrize(("number", "count"), COUNTS.items())
def test_every_row_is_a_method_at_an_ipc(number, count):
    rows = table(number)
    assert len(rows) == count == len({(r["method"], r["dataset"], r["note"]) for r in rows})
    for row in rows:
        ipc = int(re.fullmatch(r"IPC (\d+)", row["note"])[1])
        kept = Fraction(ipc * CLASSES[row["dataset"]], IMAGES[row["dataset"]])
        assert float(row["ratio"]) == pytest.approx(float(1 - kept), abs=1e-6)
        assert row["source"] == f"DC3, Table {number}"
        assert row["method"] in ELSEWHERE or parse(row["method"], plugins()).label == row["method"]


@pytest.mark.parametrize(("number", "method", "dataset", "ipc", "accuracy", "deviation"), [
    (2, "dc3", "imagenette", 10, 0.848, 0.011),
    (2, "rded", "imagewoof", 50, 0.685, 0.007),
    (2, "d4m", "tiny-imagenet", 1, 0.151, 0.002),
    (3, "dc3", "cifar10", 50, 0.809, 0.005),
    (3, "rded", "cifar100", 10, 0.426, 0.002),
    (3, "sre2l", "cifar100", 1, 0.02, 0.002),
    (6, "dc3[compensate=hr]", "cifar10", 10, 0.545, 0.002),
    (7, "dc3[compensate=balance]", "cifar100", 50, 0.544, 0.017),
    (9, "dc3[sampling=herding,compensate=none]", "cifar100", 50, 0.344, None),
    (9, "dc3[sampling=k-center,compensate=none]", "tiny-imagenet", 50, 0.463, None),
    (9, "dc3[sampling=gradmatch,compensate=none]", "cifar10", 50, 0.308, None),
    (9, "dc3[sampling=dq,compensate=none]", "tiny-imagenet", 50, 0.528, 0.013),
    (13, "dc3[stitch=quarter]", "cifar10", 10, 0.582, None),
    (13, "dc3[stitch=grid16]", "imagenette", 1, 0.278, None),
])  # fmt: skip
def test_cells_read_by_hand(number, method, dataset, ipc, accuracy, deviation):
    (row,) = [r for r in table(number) if (r["method"], r["dataset"], r["note"]) == (method, dataset, f"IPC {ipc}")]
    assert float(row["accuracy"]) == accuracy
    assert (float(row["accuracy_std"]) if row["accuracy_std"] else None) == deviation


def test_the_paper_gives_one_number_for_one_setting():
    """DC3's rows of different tables agree, but for a deviation that Table 7 prints otherwise (CIFAR-100, IPC 50)."""
    seen = {}
    for number in (2, 3, 6, 7, 9):
        for row in table(number):
            if row["method"] == "dc3":
                assert seen.setdefault((row["dataset"], row["note"]), row["accuracy"]) == row["accuracy"]
    assert len(seen) == 15
