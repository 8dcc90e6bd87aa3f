"""The published numbers: counts, cells read from the paper by hand, and what they must hold to be plausible."""

import csv
import io
from collections import Counter, defaultdict
from fractions import Fraction

import pytest

from ccbench.offers.cards import registry
from ccbench.offers.discovery import Plugins
from ccbench.offers.expressions import parse

COLUMNS = ["method", "label", "dataset", "architecture", "ratio", "ratio_printed", "bits", "accuracy",
           "accuracy_std", "source", "note"]  # fmt: skip
ELSEWHERE = {"cqformer", "colorcnn", "colorcnn-plus"}  # methods of the paper that ccbench does not have
PRINTED = {1: "0.96", 2: "0.92", 3: "0.875", 4: "0.83", 5: "0.80"}


def table(number):
    text = (registry() / "published" / f"dcq_table{number}.csv").read_text(encoding="utf-8")
    assert text.splitlines()[0] == ",".join(COLUMNS)
    return list(csv.DictReader(io.StringIO(text)))


def cell(number, method, dataset, bits):
    [row] = [r for r in table(number) if (r["method"], r["dataset"], r["bits"]) == (method, dataset, str(bits))]
    return row


@pytest.mark.parametrize(("number", "count", "per_method"), [
    (1, 138, {"random": 15, "entropy": 15, "el2n": 15, "aum": 15, "ccs": 15, "ccs[score=forgetting]": 15,
              "ccs[score=el2n]": 15, "tdds": 15, "dcq": 15, "full": 3}),
    (4, 40, {"random": 8, "el2n": 8, "ccs": 8, "tdds": 8,
             **dict.fromkeys((f"ccs[fraction=0.1]+dcq[bits={q}]" for q in (2, 3, 4, 5)), 2)}),
    (15, 40, dict.fromkeys(("adq", "dqas", "dq", "dual", "dcq"), 8)),
    (6, 108, dict.fromkeys(("octree", "mediancut", "dcq", "cqformer", "colorcnn", "colorcnn-plus"), 18)),
])  # fmt: skip
def test_counts(number, count, per_method):
    rows = table(number)
    assert len(rows) == count
    assert Counter(r["method"] for r in rows) == per_method
    assert len({(r["method"], r["dataset"], r["bits"]) for r in rows}) == count
    assert {r["source"] for r in rows} == {f"DCQ, Table {number}"}


@pytest.mark.parametrize(("number", "method", "dataset", "bits", "accuracy", "deviation"), [
    (1, "random", "cifar10", 5, "0.8815", ""),
    (1, "random", "imagenet", 1, "0.2028", ""),
    (1, "entropy", "cifar100", 3, "0.2977", ""),
    (1, "el2n", "cifar10", 2, "0.2131", ""),
    (1, "aum", "cifar10", 1, "0.2135", ""),
    (1, "ccs", "cifar10", 2, "0.7501", ""),
    (1, "ccs", "imagenet", 4, "0.5844", ""),
    (1, "ccs[score=forgetting]", "cifar100", 5, "0.6399", ""),
    (1, "ccs[score=el2n]", "imagenet", 1, "0.2914", ""),
    (1, "tdds", "cifar100", 1, "0.2655", ""),
    (1, "dcq", "cifar10", 2, "0.8915", ""),
    (1, "dcq", "cifar100", 1, "0.3844", ""),
    (1, "dcq", "imagenet", 5, "0.6699", ""),
    (1, "full", "cifar10", "", "0.9545", ""),
    (1, "full", "imagenet", "", "0.7354", ""),
    (4, "random", "cifar10", 5, "0.5513", ""),
    (4, "el2n", "cifar100", 2, "0.0433", ""),
    (4, "ccs", "cifar10", 2, "0.4625", ""),
    (4, "ccs[fraction=0.1]+dcq[bits=2]", "cifar10", 2, "0.7073", ""),
    (4, "ccs[fraction=0.1]+dcq[bits=5]", "cifar100", 5, "0.4626", ""),
    (15, "adq", "imagenet", 3, "0.6091", ""),
    (15, "dqas", "cifar10", 1, "0.758", ""),
    (15, "dq", "cifar10", 5, "0.894", ""),
    (15, "dual", "imagenet", 2, "0.4655", ""),
    (6, "octree", "cifar10", 1, "0.5791", "0.0052"),
    (6, "octree", "cifar10", 6, "0.8499", "0.0025"),
    (6, "colorcnn", "cifar10", 2, "0.5948", "0.0055"),
    (6, "colorcnn-plus", "tiny-imagenet", 3, "0.2453", "0.0038"),
    (6, "cqformer", "cifar100", 4, "0.3281", "0.0047"),
    (6, "mediancut", "cifar100", 6, "0.5589", "0.0067"),
    (6, "mediancut", "tiny-imagenet", 2, "0.3187", "0.0046"),
    (6, "dcq", "tiny-imagenet", 6, "0.6002", "0.0071"),
])  # fmt: skip
def test_cells_read_by_hand(number, method, dataset, bits, accuracy, deviation):
    row = cell(number, method, dataset, bits)
    assert (row["accuracy"], row["accuracy_std"]) == (accuracy, deviation)


@pytest.mark.parametrize("number", [1, 4, 6, 15, 20])
def test_every_row_is_plausible(number):
    for row in table(number):
        assert 0 < float(row["accuracy"]) < 1
        assert row["architecture"] == ("resnet34" if row["dataset"] == "imagenet" else "resnet18")
        assert row["accuracy_std"] == "" or 0 < float(row["accuracy_std"]) < 0.01
        assert (row["accuracy_std"] != "") == (number == 6)


@pytest.mark.parametrize("number", [1, 4, 6, 15])
def test_accuracy_falls_as_the_ratio_grows(number):
    curves = defaultdict(list)
    for row in table(number):
        method = "ccs+dcq" if "+" in row["method"] else row["method"]
        curves[method, row["dataset"]].append((float(row["ratio"]), float(row["accuracy"])))
    for name, curve in curves.items():
        accuracies = [a for _, a in sorted(curve)]
        assert accuracies == sorted(accuracies, reverse=True), name


def test_the_trainings_of_table_20():
    """Five lengths of training of one row; a source of its own for each tells them apart."""
    rows = table(20)
    read = [(50, "9,750", "0.7501"), (100, "19,500", "0.7619"), (125, "24,375", "0.7769"), (150, "29,250", "0.7857"),
            (200, "39,000", "0.799")]  # fmt: skip
    assert [(r["source"], r["accuracy"]) for r in rows] == [(f"DCQ, Table 20, {e} epochs", a) for e, _, a in read]
    for row, (epochs, iterations, _) in zip(rows, read, strict=True):
        assert (row["method"], row["dataset"], row["bits"], row["ratio_printed"]) == ("dcq", "cifar10", "1", "")
        assert float(row["ratio"]) == pytest.approx(1 - 1 / 24, abs=1e-6)
        assert row["note"].startswith(f"{iterations} iterations")
        assert int(iterations.replace(",", "")) == epochs * (50_000 // 256)  # whole batches only
        assert ("dcq-cifar-50" in row["note"]) == (epochs == 50)
    assert rows[-1]["accuracy"] == cell(1, "dcq", "cifar10", 1)["accuracy"]


def test_colour_methods_have_the_exact_ratio_and_selections_the_printed_one():
    for row in table(1) + table(15):
        if row["method"] == "full":
            assert (row["ratio"], row["ratio_printed"], row["bits"]) == ("0", "", "")
            continue
        assert row["ratio_printed"] == PRINTED[int(row["bits"])]
        exact = 1 - Fraction(int(row["bits"]), 24)
        expected = float(exact) if row["method"] == "dcq" else float(row["ratio_printed"])
        assert float(row["ratio"]) == pytest.approx(expected, abs=1e-6)
    for row in table(6):
        assert float(row["ratio"]) == pytest.approx(1 - int(row["bits"]) / 24, abs=1e-6)
    for row in table(4):
        exact = 1 - 0.1 * int(row["bits"]) / 24
        expected = exact if "+" in row["method"] else float(row["ratio_printed"])
        assert float(row["ratio"]) == pytest.approx(expected, abs=1e-6)
        assert abs(exact - float(row["ratio_printed"])) < 0.0011


@pytest.mark.parametrize("number", [1, 4, 6, 15, 20])
def test_method_labels_are_the_harness_own(number):
    plugins = Plugins()
    for label in {r["method"] for r in table(number)} - ELSEWHERE:
        assert parse(label, plugins).label == label
    assert not {r["method"] for r in table(number)} & ELSEWHERE & set(plugins.all("method"))


def test_where_the_paper_contradicts_itself_the_note_says_so():
    """Tables 1 and 6 print the same runs of DCQ, and differ in three cells."""
    differ = set()
    for row in table(6):
        if row["method"] == "dcq" and row["dataset"] != "tiny-imagenet" and int(row["bits"]) <= 5:
            other = cell(1, "dcq", row["dataset"], row["bits"])
            if other["accuracy"] != row["accuracy"]:
                differ.add((row["dataset"], row["bits"]))
                assert f"{100 * float(other['accuracy']):.2f}" in row["note"]
                assert f"{100 * float(row['accuracy']):.2f}" in other["note"]
            else:
                assert not row["note"]
    assert differ == {("cifar10", "1"), ("cifar100", "4"), ("cifar100", "5")}
    assert "59.15" in cell(6, "colorcnn", "cifar10", 2)["note"]
    assert "keeps 8 % where DCQ spends 8.33 %" in cell(1, "random", "cifar10", 2)["note"]
