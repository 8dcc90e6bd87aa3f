"""DC3 and RDED on the embedded dataset, from the command line to the table, with teachers and stored soft labels."""

import csv
import os
import signal

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from ccbench.archive import CompressedDataset

RUN = ("run", "--ipc", "10", "--seeds", "1")
STORED = "dc3[compensate=hsv_shift,soft_labels=stored]"


def table(out):
    with (out / "leaderboard.csv").open() as file:
        return {row["method"]: row for row in csv.DictReader(file)}


def test_condensed_sets_meet_in_one_table_under_a_teacher(ccbench, tmp_path, records):
    done = ccbench(*RUN, "--protocol", "taught", "--methods", f"{STORED},rded,random")
    rows = table(tmp_path / "ccbench-out")
    assert set(rows) == {STORED, "rded", "random"}
    found = {r["method"]: r for r in records(tmp_path / "ccbench-out")}
    for name, row in rows.items():
        assert row["status"] == "ok", done.stderr
        assert float(row["nominal_ratio"]) == pytest.approx(1 - 100 / 1297)
        assert row["teacher"] == "quicknet"
        assert int(row["teacher_bytes"]) > 100_000
        assert 0.2 < float(row["teacher_accuracy"]) <= 1
        assert found[name]["images"] == 100
        assert found[name]["colorfulness"] > 0
        assert 0 <= found[name]["color_distance"] < 1
        assert found[name]["iterations"] == 3 * 4  # three passes over 100 images, 32 at a time
    assert len({row["teacher_accuracy"] for row in rows.values()}) == 1
    (file,) = (tmp_path / "ccbench-out" / "artifacts").glob("dc3*.ccb")
    stored = CompressedDataset.open(file)
    assert stored.soft_labels.shape == (100, 10)
    assert stored.soft_labels.dtype == np.float16
    assert (stored.ids == -1).all()
    assert np.bincount(stored.labels).tolist() == [10] * 10
    assert int(rows[STORED]["bytes"]) > stored.soft_labels.nbytes


def test_stored_soft_labels_train_without_a_teacher(ccbench, tmp_path, records):
    ccbench(*RUN, "--protocol", "tiny", "--methods", f"{STORED},rded[soft_labels=stored]")
    for record in records(tmp_path / "ccbench-out"):
        assert record["status"] == "ok"
        assert record["teacher_bytes"] is None


def test_bytes_are_filled_with_pictures(ccbench, tmp_path, records):
    ccbench("run", "--ratio", "0.95", "--seeds", "1", "--protocol", "tiny", "--match", "bytes",
            "--methods", "dc3[compensate=none],random")  # fmt: skip
    found = {r["method"]: r for r in records(tmp_path / "ccbench-out")}
    assert found["dc3[compensate=none]"]["images"] > found["random"]["images"]
    for record in found.values():
        assert 0.95 <= record["measured_ratio"] < 0.956


def test_without_the_weights_dc3_says_so_first_and_the_others_go_on(ccbench, tmp_path, records):
    env = {"HF_HOME": str(tmp_path / "hub"), "HF_HUB_OFFLINE": "1"}
    done = ccbench(*RUN, "--protocol", "tiny", "--methods", "dc3,random", code=1, env=env.items())
    first = done.stderr.splitlines()[0]
    assert first.startswith("error: dc3:"), done.stderr
    assert "timbrooks/instruct-pix2pix" in first
    assert "hf download" in first
    assert "model=" in first
    rows = table(tmp_path / "ccbench-out")
    assert rows["random"]["status"] == "ok"
    assert rows["dc3"]["status"].startswith("skipped: dc3:")
    alone = ccbench(*RUN, "--protocol", "tiny", "--methods", "dc3", "--out", "b", code=2, env=env.items())
    assert "no method of this run is ready" in alone.stderr
    assert not (tmp_path / "b" / "artifacts").exists()


def test_a_teacher_from_a_file_is_tested_and_shown(ccbench, tmp_path, records):
    ccbench("teacher", "--protocol", "taught")
    made = ccbench("teacher", "--protocol", "taught").stdout
    weights = find_weights()
    file = tmp_path / "t.safetensors"
    file.write_bytes(weights.read_bytes())
    again = ccbench("teacher", file, "--protocol", "taught").stdout
    assert made.split("quicknet")[1].partition("%")[0] == again.split(str(file))[1].partition("%")[0]
    both = {"model": {k: v * 0 for k, v in load_file(file).items()}, "model_ema": load_file(file)}
    torch.save(both, tmp_path / "t.pth")
    averaged = ccbench("teacher", tmp_path / "t.pth", "--protocol", "taught").stdout
    assert "t.pth (model_ema): " in averaged
    assert averaged.partition(": ")[2] == again.partition(": ")[2]
    ccbench(*RUN, "--protocol", "taught", "--methods", "random", "--teacher", file)
    (record,) = records(tmp_path / "ccbench-out")
    assert record["teacher"].startswith("quicknet@")
    ccbench(*RUN, "--protocol", "taught", "--methods", "random")
    assert len(records(tmp_path / "ccbench-out")) == 2, "another teacher is another cell"
    assert sum(1 for _ in csv.DictReader((tmp_path / "ccbench-out" / "leaderboard.csv").open())) == 2


def find_weights():
    from ccbench.store import default_store

    found = sorted((default_store().root / "teacher").glob("*/weights.safetensors"), key=lambda p: p.stat().st_mtime)
    return found[-1]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (lambda: {"stages.0.0.weight": torch.zeros(2, 2)}, "do not fit the architecture quicknet"),
        (lambda: {"epoch": 3}, "holds no state_dict"),
        (None, "no weights that can be read safely"),
    ],
)
def test_a_file_that_is_no_teacher_is_said_so(ccbench, tmp_path, content, message):
    file = tmp_path / "t.pth"
    if content:
        torch.save(content(), file)
    else:
        file.write_bytes(b"rubbish")
    assert message in ccbench("teacher", file, "--protocol", "taught", code=2).stderr
    run = ccbench(*RUN, "--protocol", "taught", "--methods", "random", "--teacher", file, code=1)
    assert message in run.stderr


def test_a_teacher_of_other_classes(ccbench, tmp_path):
    from ccbench.offers.discovery import plugins
    from ccbench.training import build_network

    network = build_network("quicknet", classes=7, image_size=32, seed=0, plugins=plugins())
    torch.save(network.state_dict(), tmp_path / "t.pth")
    done = ccbench("teacher", tmp_path / "t.pth", "--protocol", "taught", code=2)
    assert "another number of classes" in done.stderr
    assert "7 instead of 10" in done.stderr


def test_more_images_per_class_than_there_are_is_a_skip(ccbench, tmp_path):
    done = ccbench("run", "--ipc", "129", "--seeds", "1", "--protocol", "tiny",
                   "--methods", "dc3[compensate=none],random")  # fmt: skip
    rows = table(tmp_path / "ccbench-out")
    assert "more than the" in rows["dc3[compensate=none]"]["status"]
    assert rows["random"]["status"] == "ok", done.stderr


def test_a_kill_in_the_middle_loses_nothing(start, ccbench, tmp_path, records, wait_for):
    process = start(*RUN, "--protocol", "tiny", "--methods", "dc3[compensate=hsv_shift],rded", "--jobs", 1)
    wait_for(lambda: records(tmp_path / "ccbench-out"))
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    done = ccbench(*RUN, "--protocol", "tiny", "--methods", "dc3[compensate=hsv_shift],rded")
    assert "ok" in done.stderr
    assert {r["status"] for r in table(tmp_path / "ccbench-out").values()} == {"ok"}
