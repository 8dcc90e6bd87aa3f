"""Our suites: every numbered table of the two papers, every published number in its cell, cells read by hand."""

import csv

import pytest

from ccbench.leaderboard.numbers import ACCURACY, COLUMNS, MEASURED, all_files, read
from ccbench.offers.discovery import plugins
from ccbench.suites import model
from ccbench.suites.grid import Lookup
from ccbench.suites.published import Numbers
from ccbench.suites.results import check_field

TABLES = [*(f"dcq-table{n}" for n in (*range(1, 21), 22)), *(f"dc3-table{n}" for n in range(1, 15))]


@pytest.fixture(scope="module")
def lookup():
    return Lookup(plugins())


@pytest.fixture(scope="module")
def suites(lookup):
    return {name: model.read(name, plugins()) for name in plugins().all("suite")}


def test_every_numbered_table_is_a_suite(suites):
    assert set(suites) == {*TABLES, "label-regimes"}
    for name in TABLES:
        paper, number = name.split("-table")
        assert (suites[name].paper, suites[name].table) == (paper.upper(), f"Table {number}")
        assert suites[name].open, "what the paper leaves open"


@pytest.mark.parametrize("name", TABLES)
def test_every_published_number_belongs_to_a_cell(name, suites, lookup):
    numbers = Numbers(suites[name], lookup)
    shown = [numbers.line(cell) for cell in lookup.cells(suites[name])]
    assert [line for line in numbers.lines if not any(line is other for other in shown)] == []
    assert bool(numbers.lines) == (name not in {"dc3-table11", "dc3-table12"})


@pytest.mark.parametrize("name", [*TABLES, "label-regimes"])
def test_what_a_cell_names_is_there_or_the_file_says_why_not(name, suites, lookup):
    for cell in lookup.cells(suites[name]):
        assert cell.found or cell.reason in {cell.place.missing, suites[name].missing}, (cell.row.key, cell.reason)
        if cell.found:
            check_field(cell.field)


@pytest.mark.parametrize(("name", "row", "column", "value", "std"), [
    ("dcq-table1", "random", "CIFAR-10 92%", 0.7704, None),
    ("dcq-table1", "dcq", "ImageNet-1K 80%", 0.6699, None),
    ("dcq-table1", "full", "CIFAR-100 96%", 0.7821, None),
    ("dcq-table2", "(a) Image", "1 bit", 0.6844, None),
    ("dcq-table2", "(b) 150 cluster", "6 bit", 0.9358, None),
    ("dcq-table2", "(c) LayerCAM", "2 bit", 0.8971, None),
    ("dcq-table3", "tdds", "ResNet-50, CIFAR-10 87.5%", 0.8762, None),
    ("dcq-table4", "ccs+dcq", "CIFAR-10 99.2%", 0.7073, None),
    ("dcq-table4", "el2n", "CIFAR-100 98.7%", 0.0538, None),
    ("dcq-table5", "mtt", "Tiny-ImageNet IPC=100", 0.28, None),
    ("dcq-table5", "ccs+dcq", "ImageNet-1K IPC=50", 0.544, None),
    ("dcq-table6", "dcq", "Tiny-ImageNet 2 bit", 0.5051, 0.0062),
    ("dcq-table7", "dcq[refine=false]", "1 bit", 0.768, None),
    ("dcq-table8", "dcq", "MobileNet-v2, CIFAR-10 83%", 0.8884, None),
    ("dcq-table9", "ccs", "CIFAR-100 92%", 0.2713, None),
    ("dcq-table10", "dcq[features=glcm]", "3 bit", 0.8549, None),
    ("dcq-table11", "dcq[features=final]", "5 bit", 0.8044, None),
    ("dcq-table12", "dcq[keep_percent=30]", "4 bit", 0.9217, None),
    ("dcq-table13", "dcq", "(a) Image Segmentation, AP50 96%", 28.77, None),
    ("dcq-table13", "full", "(b) Object Detection, AP50bb 80%", 58.3, None),
    ("dcq-table14", "ccs", "87.5%", 37.8, None),
    ("dcq-table15", "dual", "(b) ImageNet-1k (ResNet-34) 92%", 0.4655, None),
    ("dcq-table15", "dcq", "(a) CIFAR-10 (ResNet-18) 96%", 0.799, None),
    ("dcq-table16", "AutoPalette", "CIFAR-100 IPC=50", 0.533, None),
    ("dcq-table17", "gaussianblur", "96%", 0.8175, None),
    ("dcq-table18", "el2n", "87.5%", 0.2398, None),
    ("dcq-table19", "tdds", "80%", 0.7744, None),
    ("dcq-table20", "dcq-125", "Acc (%)", 0.7769, None),
    ("dcq-table22", "ImageNet-1K", "Total Time (s)", 154 * 60, None),
    ("dcq-table22", "dcq", "Attention-Computation (s)", 2, None),
    ("dc3-table1", "dc3", "ImageNet-1K IPC 10", 0.504, 0.002),
    ("dc3-table2", "D4M", "Tiny-ImageNet IPC 10", 0.357, 0.006),
    ("dc3-table3", "datadam", "CIFAR-100 IPC 1", 0.145, 0.005),
    ("dc3-table4", "dsa", "Unseen", 0.319, None),
    ("dc3-table4", "dc3", "Unseen", 0.604, 0.012),
    ("dc3-table5", "dc3", "IPC 50 EfficientNet-B0", 0.902, 0.004),
    ("dc3-table6", "dc3[compensate=null]", "CIFAR-100 IPC 50", 0.583, 0.001),
    ("dc3-table7", "AutoPalette", "CIFAR-10", 0.794, 0.022),
    ("dc3-table8", "dc3[sampling=dq]", "IPC = 10 ImageNette", 0.818, 0.015),
    ("dc3-table9", "dc3[sampling=gradmatch,compensate=none]", "Tiny-ImageNet", 0.432, None),
    ("dc3-table10", "dc3[sampling=random]", "ImageNette", 0.779, 0.009),
    ("dc3-table13", "dc3[stitch=grid8]", "ImageWoof IPC 1", 0.15, None),
    ("dc3-table14", "mtt", "GPU (GB)", 79.9, None),
])  # fmt: skip
def test_cells_read_by_hand(suites, lookup, name, row, column, value, std):
    suite = suites[name]
    (one,) = [r for r in suite.rows if r.key == row]
    (other,) = [c for c in suite.columns if c.key == column]
    found = Numbers(suite, lookup).of(lookup.cell(suite, one, other))
    assert (found.value, found.std) == (pytest.approx(value), std if std is None else pytest.approx(std))


def test_a_suite_fixes_the_seeds_and_runs_that_a_paper_states(suites):
    assert (suites["dcq-table6"].runs, suites["dcq-table6"].seeds) == (5, 5)
    assert suites["dcq-table1"].runs is None


def test_the_last_length_of_table_20_is_the_protocol_of_table_1(suites):
    suite = suites["dcq-table20"]
    protocols = {row.key: suite.place(row, suite.columns[0]).protocol for row in suite.rows}
    assert protocols == {
        "dcq-50": "dcq-cifar-50",
        "dcq-100": "dcq-cifar-100-epochs",
        "dcq-125": "dcq-cifar-125-epochs",
        "dcq-150": "dcq-cifar-150-epochs",
        "dcq-200": "dcq-cifar",
    }


def test_dcqs_numbers_of_a_dataset_are_trained_by_its_recipe(suites, lookup):
    """Appendix A.1 has one recipe for CIFAR, one for Tiny-ImageNet and one for ImageNet."""
    recipes = {"cifar10": "dcq-cifar", "cifar100": "dcq-cifar", "tiny-imagenet": "dcq-tiny-imagenet",
               "imagenet": "dcq-imagenet"}  # fmt: skip
    seen = set()
    for name in ("dcq-table1", "dcq-table5", "dcq-table6", "dcq-table15", "dcq-table22"):
        for cell in lookup.cells(suites[name]):
            if cell.found and "dcq" in cell.place.method:
                assert cell.found.key.protocol == recipes[cell.place.dataset], (name, cell.column.key)
                seen.add(cell.place.dataset)
    assert seen == set(recipes)


def test_no_suite_waits_for_a_recipe_that_is_there(suites):
    """The reasons that are left name methods, tasks, datasets and augmentations, or what the paper does not say."""
    for name in TABLES:
        told = " ".join(map(str, (suites[name].rows, suites[name].columns)))
        assert "appendix A.1" not in told, name
        assert "no protocol" not in told, name


def test_each_regime_has_a_random_row_of_its_own(suites, lookup):
    suite = suites["label-regimes"]
    cells = {(c.row.key, c.column.key): c for c in lookup.cells(suite)}
    random = [cells["random", column.key].found.key for column in suite.columns[:3]]
    assert [(key.protocol, "soft_labels=stored" in key.method) for key in random] == [
        ("quick", False), ("quick", True), ("quick-soft", False),
    ]  # fmt: skip
    assert len({key.kept for key in random}) == 1


def test_files_of_numbers_are_tables_of_accuracies_or_of_something_else():
    kinds = set()
    for file in all_files():
        head = tuple(next(csv.reader(file.open(encoding="utf-8"))))
        assert head in {COLUMNS, MEASURED}, file.name
        numbers = list(read(file))
        assert numbers
        assert ({number.field for number in numbers} == {ACCURACY}) == (head == COLUMNS)
        kinds.add(head)
    assert len(kinds) == 2
