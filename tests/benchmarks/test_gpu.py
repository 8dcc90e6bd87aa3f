"""``python -m benchmarks gpu`` from end to end at its tiny size, and how it goes about a time that was given."""

import itertools
import json

import pytest
import torch

from benchmarks.__main__ import main
from benchmarks._pieces import Deadline, Ledger, NotHereError, Piece, measured
from benchmarks.gpu import START, WATCHED, Card, Figures


@pytest.fixture
def printed(monkeypatch, capsys):
    """Rows of the table that the command prints, by what they are about."""
    monkeypatch.delenv("CCBENCH_DATA", raising=False)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)

    def call(*words):
        monkeypatch.setattr("sys.argv", ["benchmarks", "gpu", *words])
        main()
        rows = [line.strip("| ").split(" | ") for line in capsys.readouterr().out.splitlines() if line.startswith("| ")]
        return {cells[0]: cells[1:] for cells in rows[2:]}

    return call


def test_all_of_it_runs_on_a_cpu_and_nothing_is_measured_twice(printed, tmp_path):
    first = printed("tiny=1", f"out={tmp_path}")
    assert [*first] == [
        "training, quicknet, classic loop", "training, quicknet, float32", "training, quicknet, bfloat16",
        "airbench's 94 % run",
        *(f"DCQ of 256 images, {step}" for step in (
            "features", "clustering", "attention", "palettes", "refining palettes", "assigning colours",
            "packing and the rest", "in all",
        )),
        *(f"decoding, {bits} bits, 20 palettes" for bits in (1, 2, 4)),
        "tiny-suite, dcq at 2 bits, file", "tiny-suite, dcq at 2 bits",
    ]  # fmt: skip
    numbers = {name: float(cells[0]) for name, cells in first.items() if cells[0].strip()}
    assert [*first.keys() - numbers.keys()] == ["airbench's 94 % run"], first
    assert "not measured: it trains on a GPU alone" in first["airbench's 94 % run"]
    assert all(number > 0 for number in numbers.values())
    steps = [number for name, number in numbers.items() if name.startswith("DCQ") and not name.endswith("in all")]
    assert sum(steps) == pytest.approx(numbers["DCQ of 256 images, in all"], rel=0.02)  # three digits are printed
    (record,) = (tmp_path / "records" / "results").rglob("*.json")
    said = json.loads(record.read_text())
    assert said["iterations"] == 2
    assert 100 * said["accuracy"] == pytest.approx(numbers["tiny-suite, dcq at 2 bits"], rel=0.01)
    kept = (tmp_path / "figures.jsonl").read_bytes()
    assert printed("tiny=1", f"out={tmp_path}") == first
    assert (tmp_path / "figures.jsonl").read_bytes() == kept


def test_without_a_gpu_it_says_so(printed, tmp_path):
    assert "no GPU that torch can use" in " ".join(printed(f"out={tmp_path}")["gpu"])
    assert not [*tmp_path.iterdir()]


def piece(name, *values, needs=0.0):
    return Piece(name, lambda: iter([{"name": name, "ours": value} for value in values]), lambda: needs)


def endless():
    yield {"name": "half", "ours": 1}
    for _ in itertools.count():
        pass


def test_a_piece_that_would_not_finish_is_not_begun_and_what_fails_or_lasts_leaves_the_rest(tmp_path):
    def fails():
        raise RuntimeError("out of\nmemory")
        yield

    def lacks():
        raise NotHereError("pip install it")
        yield

    pieces = [
        piece("a", 1, 2), piece("long", 3, needs=1e6), piece("unknown", 4, needs=None), Piece("bad", fails),
        Piece("absent", lacks), piece("b", 5), Piece("half", endless), piece("late", 6),
    ]  # fmt: skip
    ledger = Ledger(tmp_path / "new" / "figures.jsonl", "card")
    rows = [*measured(pieces, ledger, Deadline(1.0))]
    told = [(row["name"], row.get("ours"), row.get("note", "")) for row in rows]
    assert told[:2] == [("a", 1, ""), ("a", 2, "")]
    assert (told[2][0], told[2][2][:35]) == ("long", "not begun: it takes about 1000000 s")
    assert (told[3][0], told[3][2][:38]) == ("unknown", "not begun: its time cannot be told yet")
    assert told[4:7] == [
        ("bad", None, "failed: RuntimeError: out of memory"), ("absent", None, "not measured: pip install it"),
        ("b", 5, ""),
    ]  # fmt: skip
    assert told[7:9] == [("half", 1, ""), ("half", None, "cut off: the time was over")]
    assert told[9][2].startswith("not begun")
    again = [*measured(pieces[:6], Ledger(ledger.file, "card"), Deadline(0.0))]
    assert [(row["name"], row["ours"]) for row in again if "ours" in row] == [("a", 1), ("a", 2), ("b", 5)]
    assert [row["name"] for row in again if "ours" not in row] == ["long", "unknown", "bad", "absent"]


def test_figures_of_another_card_and_a_line_that_was_cut_off_count_for_nothing(tmp_path):
    file = tmp_path / "figures.jsonl"
    Ledger(file, "one").add("a", [{"ours": 1}])
    Ledger(file, "other").add("a", [{"ours": 2}])
    with file.open("a") as out:
        out.write('{"piece": "b", "place": "one", "rows": [')
    assert (Ledger(file, "one").value("a"), Ledger(file, "other").value("a")) == (1, 2)
    assert Ledger(file, "one").rows("b") is None
    Ledger(file, "one").add("b", [{"ours": 3}])
    assert Ledger(file, "one").value("b") == 3


def test_rows_of_tables_are_judged_by_measured_throughput(tmp_path):
    figures = Figures(tmp_path, Deadline(600), tiny=False)
    pieces = {one.name: one for one in figures.pieces()}
    short = "dcq-table20, dcq-50 at Acc (%)"
    assert [name for name in pieces if "table" in name] == [
        f"{short}, file", short, "dcq-table1, dcq at CIFAR-10 92%, file", "dcq-table1, dcq at CIFAR-10 92%",
        "dcq-table1, ccs at CIFAR-10 92%, file", "dcq-table1, ccs at CIFAR-10 92%",
        "dcq-table1, random at CIFAR-10 92%", "dcq-table6, mediancut at CIFAR-10 2 bit",
    ]  # fmt: skip
    assert pieces[short].needs() is None
    figures.ledger.add("training, float32", [{"ours": 20_000}])
    looking = WATCHED * 9766 * 256 / 20_000  # 50 epochs of 50,000 images
    assert pieces[f"{short}, file"].needs() == pytest.approx(looking + START)
    assert pieces[short].needs() == pytest.approx(9750 * 256 / 20_000 + looking + START)
    figures.ledger.add("network of dcq-cifar-50 for cifar10", [])
    assert pieces[short].needs() == pytest.approx(9750 * 256 / 20_000 + START)
    assert pieces["dcq-table6, mediancut at CIFAR-10 2 bit"].needs() == pytest.approx(40_000 * 256 / 20_000 + START)


def test_cudnn_is_free_inside_alone():
    before = torch.backends.cudnn.flags, torch.backends.cudnn.benchmark
    with Card().free_to_choose(), torch.backends.cudnn.flags(enabled=True, benchmark=False, deterministic=True):
        assert torch.backends.cudnn.benchmark
    assert (torch.backends.cudnn.flags, torch.backends.cudnn.benchmark) == before
