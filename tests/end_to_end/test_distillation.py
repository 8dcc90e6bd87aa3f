"""Distilled pictures on the embedded dataset, from the command line to the table."""

import csv
import json

import numpy as np
import pytest

from ccbench.archive import CompressedDataset, FloatImages
from ccbench.offers.discovery import plugins
from ccbench.offers.expressions import parse

NETWORK = "convnet[width=8,depth=2]"
DM = f"dm[steps=4,batch=8,store=float16,network={NETWORK}]"
DSA = f"dsa[steps=2,batch=8,network={NETWORK}]"


def test_distilled_sets_meet_selections_in_one_table(ccbench, tmp_path, records):
    ccbench("run", "--ipc", "1", "--seeds", "1", "--protocol", "distilled-dc", "--arch", NETWORK,
            "--methods", f"{DM},{DSA},random")  # fmt: skip
    with (tmp_path / "ccbench-out" / "leaderboard.csv").open() as file:
        rows = {row["method"]: row for row in csv.DictReader(file)}
    assert len(rows) == 3
    for record in records(tmp_path / "ccbench-out"):
        assert record["status"] == "ok", record["reason"]
        assert (record["images"], record["iterations"]) == (10, 300)
    (dm,), (dsa,) = ([row for name, row in rows.items() if name.startswith(start)] for start in ("dm", "dsa"))
    for row in (dm, dsa, rows["random"]):  # equal by the formula, and nothing like it in bytes
        assert float(row["nominal_ratio"]) == pytest.approx(1 - 10 / 1297)
    values = 10 * 32 * 32 * 3
    assert 2 * values < int(dm["bytes"]) < 2 * values + 2000
    assert 4 * values < int(dsa["bytes"]) < 4 * values + 2000
    files = sorted((tmp_path / "ccbench-out" / "artifacts").glob("d*.ccb"))
    held = [CompressedDataset.open(path).payload for path in files]
    assert [type(payload) for payload in held] == [FloatImages, FloatImages]
    report = json.loads(ccbench("inspect", files[0], "--json").stdout)
    assert report["contents"]["payload"]["space"] == "channels"
    again = ccbench("evaluate", files[0], "--protocol", "distilled-dc", "--arch", NETWORK, "--seed", "1")
    assert "accuracy" in again.stdout + again.stderr


def test_trajectories_and_trained_networks_from_the_command_line(ccbench, tmp_path, records):
    experts = f"experts=2,expert_epochs=2,expert_batch=128,network={NETWORK}"
    mtt = f"mtt[steps=3,lr=1,lr_lr=1e-7,inner=3,stride=1,start=2,{experts}]"
    methods = f"{mtt},{mtt.replace('mtt', 'tesla')},sre2l[steps=3,soft_labels=stored]"
    planned = ccbench("plan", "--ipc", "1", "--seeds", "1", "--protocol", "tiny", "--methods", methods).stdout
    assert planned.count("leaves in the cache: ") == 2
    ccbench("run", "--ipc", "1", "--seeds", "1", "--protocol", "tiny", "--methods", methods)
    found = records(tmp_path / "ccbench-out")
    assert [record["status"] for record in found] == ["ok"] * 3
    assert [record["labels"] for record in found] == ["hard"] * 3  # this protocol has no others
    files = [CompressedDataset.open(path) for path in sorted((tmp_path / "ccbench-out" / "artifacts").glob("*.ccb"))]
    assert sorted(file.learning_rate is not None for file in files) == [False, True, True]
    (path,) = (tmp_path / "ccbench-out" / "artifacts").glob("mtt*.ccb")
    ccbench("evaluate", path, "--protocol", "distilled-soft", "--arch", NETWORK, "--out", "evaluated")
    (record,) = records(tmp_path / "evaluated")
    assert record["learned_lr"] == CompressedDataset.open(path).learning_rate
    assert "Learned rate" in ccbench("leaderboard", "--out", "evaluated").stdout
    assert [file.soft_labels.shape for file in files if file.soft_labels is not None] == [(10, 10)]


def test_bad_input_is_a_reason_and_the_others_go_on(ccbench, tmp_path, records, monkeypatch):
    np.save(tmp_path / "images.npy", np.zeros((10, 32, 32, 3), np.uint8))
    np.save(tmp_path / "labels.npy", np.full((10, 7), 1 / 7))
    np.save(tmp_path / "ids.npy", np.arange(10))
    network = f"network={NETWORK}"
    wrong = {
        "dm[steps=1,network=convnet-d6]": ("skipped", "at least 64 pixels"),
        f"dm[steps=1,{network},init=ids]": ("skipped", "it names no file"),
        f"dm[steps=1,{network},init=ids[file=ids.npy]]": ("failed", "selects too few images of the class"),
        f"mtt[steps=1,stride=9,expert_epochs=2,start=1,{network}]": ("skipped", "expert_epochs=9 is enough"),
        "published[file=images.npy,labels=labels.npy]": ("failed", "another number of classes"),
        f"dm[steps=1,ipc=129,{network}]": ("skipped", "init=real begins with 129 images of each class"),
    }
    methods = ",".join([*wrong, "random"])
    ccbench("run", "--ipc", "1", "--seeds", "1", "--protocol", "tiny", "--methods", methods, code=1)
    monkeypatch.chdir(tmp_path)
    found = {r["method"]: r for r in records(tmp_path / "ccbench-out")}
    assert found.pop("random")["status"] == "ok"
    for text, (status, reason) in wrong.items():
        record = found.pop(parse(text, plugins()).label)
        assert record["status"] == status
        assert reason in record["reason"]
    assert not found


def test_bytes_that_no_float_picture_fits_into_are_a_skip(ccbench, tmp_path, records):
    ccbench("run", "--match", "bytes", "--bytes", "40KB", "--seeds", "1", "--protocol", "tiny",
            "--methods", f"dm[steps=1,network={NETWORK}],dm[steps=1,store=uint8,network={NETWORK}]")  # fmt: skip
    floats, colours = sorted(records(tmp_path / "ccbench-out"), key=lambda r: "uint8" in r["method"])
    assert (floats["status"], colours["status"]) == ("skipped", "ok")
    assert "has no setting whose file is within 40000 bytes" in floats["reason"]
    assert colours["images"] == 10
