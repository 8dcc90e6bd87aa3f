import csv

import pytest

from ccbench.errors import UserError
from ccbench.leaderboard import published, table
from ccbench.leaderboard.rendering import render, sections
from ccbench.leaderboard.writing import load
from ccbench.offers.cards import registry
from ccbench.records.record import write_record


def test_the_papers_headline_row():
    """DCQ, Table 1: CIFAR-10, ResNet-18, 2 bits: DCQ 89.15, Random 77.04, full 95.45."""
    frame = published("cifar10", "resnet18")
    table1 = frame[frame["source"] == "published: DCQ, Table 1"]
    dcq = table1[(table1["method"] == "dcq") & (table1["ratio"] == 1 - 2 / 24)]
    assert len(dcq) == 1  # the printed 92 % stands at 2 bits, 0.91667
    assert dcq["accuracy_mean"].item() == pytest.approx(0.8915)
    assert dcq["diff_random"].item() == pytest.approx(0.8915 - 0.7704)
    assert dcq["diff_full"].item() == pytest.approx(0.8915 - 0.9545)
    assert set(frame["dataset"]) == {"cifar10"}
    assert set(frame["architecture"]) == {"resnet18"}
    assert (frame["protocol"] == "published").all()


def test_every_published_number_of_the_registry_is_read():
    files = [f for f in (registry() / "published").iterdir() if f.name.endswith(".csv")]
    lines = sum("accuracy" in line for f in files for line in csv.DictReader(f.open()))
    frame = published()
    assert len(frame) == lines > 100
    assert frame["source"].str.startswith("published: ").all()
    accuracies = frame["accuracy_mean"].dropna()
    assert accuracies.between(0.01, 1).all()


def test_published_rows_stand_beside_ours_and_are_marked(make, tmp_path):
    ratio = float(1 - 2 / 24)
    ours = {"dataset": "cifar10", "architecture": "resnet18"}
    for record in [*make("dcq", ratio, [0.8, 0.82], **ours), *make("dcq", ratio, [0.5], dataset="cifar10")]:
        write_record(record, tmp_path)
    frame = load([tmp_path], published=True)
    parts = dict(sections(frame))
    beside = parts["cifar10, resnet18, protocol quick (version 1)"]
    assert {"measured", "published: DCQ, Table 1"} <= set(beside["source"])
    assert set(beside["ratio"]) <= {0.0, ratio}  # only the ratio that was measured, and the reference
    without = parts["cifar10, quicknet, protocol quick (version 1)"]
    assert set(without["source"]) == {"measured"}
    (note,) = [n for n in frame.attrs["notes"] if "no published numbers for cifar10 with quicknet" in n]
    assert "resnet18" in note
    # a published number never moves a measured difference
    assert beside.loc[beside["source"] == "measured", "diff_full"].isna().all()
    text = render(frame, "md")
    assert "published: DCQ, Table 1" in text
    assert "were trained by their paper's own recipe" in text
    measured = load([tmp_path])
    assert set(measured["source"]) == {"measured"}
    assert "Source" not in render(measured, "md")


def test_a_damaged_file_of_numbers_is_named(monkeypatch, tmp_path):
    (tmp_path / "published").mkdir()
    (tmp_path / "published" / "x.csv").write_text("method,label\ndcq,DCQ\n")
    monkeypatch.setattr("ccbench.leaderboard.numbers.registry", lambda: tmp_path)
    with pytest.raises(UserError, match="published numbers cannot be read") as caught:
        published()
    assert "x.csv, line 2" in str(caught.value)


def test_a_table_alone_has_no_published_rows(make):
    assert set(table(make("dcq", 0.75, [0.5]))["source"]) == {"measured"}
