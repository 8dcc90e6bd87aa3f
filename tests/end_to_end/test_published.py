"""A published file and kernel inducing points on the embedded dataset, from the command line to the table."""

import csv

import numpy as np
import torch

from ccbench.archive import CompressedDataset
from ccbench.data import DataSource, open_dataset
from ccbench.offers.discovery import Plugins

NETWORK = "convnet[width=8,depth=2]"


def result_of_dm(path, cache):
    """One training image of each class of photodigits, normalised, as a result of DM."""
    data = open_dataset("photodigits", plugins=Plugins(), source=DataSource(), cache=cache).train
    ids = np.array([np.flatnonzero(data.labels == c)[2] for c in range(10)])
    pixels = torch.from_numpy(np.array(data.images[ids])).permute(0, 3, 1, 2) / 255
    torch.save({"data": [[(pixels - 0.5) / 0.5, torch.arange(10)]], "accs_all_exps": {"ConvNet": [0.5]}}, path)
    return ids, data.images[ids]


def test_a_published_file_is_a_row_beside_kip(ccbench, tmp_path, records):
    ids, pixels = result_of_dm(tmp_path / "res_DM.pt", tmp_path / "cache")
    done = ccbench("run", "--ipc", "1", "--seeds", "1", "--protocol", "distilled-dc", "--arch", NETWORK,
                   "--methods", "published[ipc=1,file=res_DM.pt],kip[steps=3,targets=100,store=float16]")  # fmt: skip
    assert "published: normalised as half" in done.stderr + done.stdout
    with (tmp_path / "ccbench-out" / "leaderboard.csv").open() as file:
        rows = {row["method"]: row for row in csv.DictReader(file)}
    assert len(rows) == 2
    assert [(r["status"], r["images"]) for r in records(tmp_path / "ccbench-out")] == [("ok", 10)] * 2
    (path,) = (tmp_path / "ccbench-out" / "artifacts").glob("published*.ccb")
    made = CompressedDataset.open(path)
    assert made.ids.tolist() == ids.tolist()
    assert np.array_equal(made.payload.decode(slice(None)), pixels)
    shown = ccbench("inspect", path).stdout
    assert "ConvNet 50.00 % (networks: 1)" in shown
    assert "10 of 10 pictures are training images" in shown
    refused = ccbench("compress", "--method", "published[ipc=2,file=res_DM.pt]", "two.ccb", code=2)
    assert "ipc=1 among its parameters" in refused.stderr + refused.stdout


def test_a_file_at_another_budget_than_its_own_is_skipped_and_others_go_on(ccbench, tmp_path, records):
    ids, _ = result_of_dm(tmp_path / "res_DM.pt", tmp_path / "cache")
    np.save(tmp_path / "ids.npy", ids)
    done = ccbench("run", "--ipc", "1,2", "--seeds", "1", "--protocol", "tiny",
                   "--methods", "published[file=res_DM.pt],ids[file=ids.npy],random")  # fmt: skip
    told = {(r["method"].partition("[")[0], r["images"] or r["status"]) for r in records(tmp_path / "ccbench-out")}
    assert told == {
        ("published", 10), ("published", "skipped"), ("ids", 10), ("ids", "skipped"), ("random", 10), ("random", 20),
    }  # fmt: skip
    assert "skipped: published[file=res_DM.pt] at ratio 0.9846 on photodigits: res_DM.pt holds fewer" in done.stderr
    assert "skipped: ids[file=ids.npy] at ratio 0.9846 on photodigits: ids.npy keeps fewer images" in done.stderr
    assert "ipc=1 among its parameters" in done.stderr
