"""Selections from elsewhere: files as other projects write them, and what cannot belong to a set of images."""

import pickle
import tempfile
import zipfile
from argparse import Namespace
from pathlib import Path

import numpy as np
import pytest
import torch

from ccbench import UserError
from ccbench.offers.discovery import Plugins
from ccbench.offers.expressions import parse
from ccbench.testing import checks, image_set
from tests.cc_plugins.coresets.test_methods import build, dataset, task

IDS = [50, 3, 17, 8, 0, 59]  # a tenth of 60


def wrote(folder, name, value):
    """A file in the format that its name says."""
    path = folder / name
    if path.suffix == ".npy":
        np.save(path, value)
    elif path.suffix == ".npz":
        np.savez(path, **value)
    elif path.suffix == ".txt":
        path.write_text(value)
    else:
        torch.save(value, path)
    return path


def mask():
    return np.isin(np.arange(60), IDS)


FILES = {
    "list.npy": np.array(IDS),
    "small.npy": np.array(IDS, np.uint8),
    "mask.npy": mask(),
    "one.npz": {"chosen": np.array(IDS)},
    "list.txt": "# ours\n50\n3, \n17\n\n8 # hard\n0\n59\n",
    "tensor.pt": torch.tensor(IDS),
    "list.pt": IDS,
    "deepcore.ckpt": {"exp": 0, "state_dict": {"w": torch.zeros(2)}, "rec": [np.float64(0.5)], "best_acc1": 1.0,
                      "subset": {"indices": np.array(IDS)}, "sel_args": {"epochs": 40}},
}  # fmt: skip


@pytest.mark.parametrize("name", FILES)
def test_formats(tmp_path, name):
    file = wrote(tmp_path, name, FILES[name])
    made = build("ids", file=file).compress(task(tmp_path, "1/10"))
    assert made.ids.tolist() == sorted(IDS)
    assert made.weights is None


def test_checkpoints_of_older_numpy(tmp_path):
    """They name NumPy's functions as numpy.core, which is numpy._core now."""
    path = wrote(tmp_path, "old.pt", {"subset": {"indices": np.array(IDS)}})

    old = tmp_path / "older.pt"
    with zipfile.ZipFile(path) as before, zipfile.ZipFile(old, "w") as after:
        for name in before.namelist():
            after.writestr(name, before.read(name).replace(b"numpy._core.multiarray", b"numpy.core.multiarray"))
    assert b"numpy.core.multiarray" in old.read_bytes()
    assert build("ids", file=old).compress(task(tmp_path, "1/10")).ids.tolist() == sorted(IDS)


def test_weights_of_deepcore_stay_with_their_images(tmp_path):
    subset = {"indices": np.array(IDS), "weights": np.arange(1.0, 7.0)}
    made = build("ids", file=wrote(tmp_path, "w.pt", {"subset": subset})).compress(task(tmp_path, "1/10"))
    assert dict(zip(made.ids.tolist(), made.weights.tolist(), strict=True)) == dict(zip(IDS, range(1, 7), strict=True))


@pytest.mark.parametrize(("keep", "expected"), [("first", range(15)), ("last", range(45, 60))])
def test_rankings(tmp_path, keep, expected):
    order = np.random.default_rng(0).permutation(60)
    made = build("ids", file=wrote(tmp_path, "r.npy", order), keep=keep).compress(task(tmp_path, "1/4"))
    assert made.ids.tolist() == sorted(order[list(expected)].tolist())


def ccs_scores(labels):
    rng = np.random.default_rng(0)
    return {"accumulated_margin": torch.tensor(rng.normal(size=60)), "forgetting": torch.tensor(rng.integers(0, 9, 60)),
            "targets": torch.tensor(labels)}  # fmt: skip


def test_scores_of_ccs(tmp_path):
    scores = ccs_scores(np.arange(60) % 3)
    file = wrote(tmp_path, "data-score.pt", scores)
    made = build("ids", file=file, key="accumulated_margin", keep="smallest").compress(task(tmp_path, "1/4"))
    assert made.ids.tolist() == np.sort(np.argsort(scores["accumulated_margin"].numpy())[:15]).tolist()
    made = build("ids", file=file, key="forgetting", keep="largest").compress(task(tmp_path, "1/4"))
    assert scores["forgetting"][made.ids].min() >= np.partition(scores["forgetting"].numpy(), 45)[45]


def test_a_later_step_counts_ids_in_the_whole_training_split(tmp_path):
    whole = dataset(60)
    job = task(tmp_path, "1/2", data=whole)
    kept = np.arange(0, 60, 2)
    job.dataset, job.ids = whole.subset(kept), kept
    ranking = wrote(tmp_path, "r.npy", np.arange(60)[::-1])
    assert kept[build("ids", file=ranking, keep="first").compress(job).ids].tolist() == list(range(30, 60, 2))
    scores = wrote(tmp_path, "s.npy", np.arange(60.0))
    assert kept[build("ids", file=scores, keep="smallest").compress(job).ids].tolist() == list(range(0, 30, 2))
    with pytest.raises(UserError, match="step before did not keep"):
        build("ids", file=wrote(tmp_path, "i.npy", np.arange(15)), keep="all").compress(job)


class Run:
    """What a hostile pickle would call."""

    def __reduce__(self):
        return Path.touch, (Path("ran"),)


REFUSED = {
    "range": ("a.npy", np.array([0, 60]), {}, "0 to 59"),
    "negative": ("a.npy", np.array([-1, 5]), {}, "0 to 59"),
    "twice": ("a.npy", np.array([1, 2, 2, 4, 5, 6]), {}, "more than once"),
    "more": ("a.npy", np.arange(7), {}, "more images than the budget"),
    "fewer": ("a.npy", np.arange(5), {}, "fewer images than the budget"),
    "short ranking": ("a.npy", np.arange(5), {"keep": "last"}, "ranks fewer"),
    "floats": ("a.npy", np.arange(6.0), {}, "no ids"),
    "mask": ("a.npy", np.ones(50, bool), {}, "mask of another set"),
    "table": ("a.npy", np.zeros((3, 2), int), {}, "no list of numbers"),
    "words": ("a.npy", np.array(["a"]), {}, "no list of numbers"),
    "empty": ("a.npy", np.zeros(0, int), {}, "is empty"),
    "pickled array": ("a.npy", np.array([{}], object), {}, "could run code"),
    "several": ("a.npz", {"x": np.arange(6), "y": np.arange(6)}, {}, "none is named"),
    "no such key": ("a.npz", {"x": np.arange(6)}, {"key": "y"}, "holds no 'y'"),
    "one list and a key": ("a.npy", np.arange(6), {"key": "y"}, "leave out key"),
    "a word": ("a.txt", "1\ntwo\n", {}, "line 2 of"),
    "huge": ("a.txt", "9" * 30, {}, "no id"),
    "code": ("a.pt", Run(), {}, "could run code"),
    "arguments": ("a.pt", {"subset": {"indices": [1]}, "args": Namespace(a=1)}, {}, "could run code"),
    "few scores": ("a.npy", np.arange(50.0), {"keep": "largest"}, "one score for each image"),
    "a hole": ("a.npy", np.where(np.arange(60) == 3, np.nan, 1.0), {"keep": "largest"}, "not finite"),
    "order": ("a.pt", ccs_scores(np.arange(60) // 20), {"key": "forgetting", "keep": "largest"}, "another order"),
    "other set": ("a.pt", {"a": torch.arange(6), "targets": torch.zeros(7)}, {"key": "a"}, "another set of images"),
    "weights": ("a.pt", {"subset": {"indices": IDS, "weights": [1.0]}}, {}, "number of weights"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_cannot_belong_here_is_refused(tmp_path, monkeypatch, case):
    monkeypatch.chdir(tmp_path)
    name, value, params, told = REFUSED[case]
    file = wrote(tmp_path, name, value)
    with pytest.raises(UserError, match=told):
        build("ids", file=file, **params).compress(task(tmp_path, "1/10"))
    assert not Path("ran").exists()


def test_damaged_and_raw_pickles_are_refused(tmp_path):
    (tmp_path / "raw.pickle").write_bytes(pickle.dumps({"el2n": [1, 2]}))
    (tmp_path / "cut.npz").write_bytes(b"PK\x03\x04")
    (tmp_path / "folder").mkdir()
    (tmp_path / "latin.txt").write_bytes(b"\xff\xfe")
    for name in ("raw.pickle", "cut.npz", "latin.txt"):
        with pytest.raises(UserError, match="cannot be read"):
            build("ids", file=tmp_path / name).compress(task(tmp_path, "1/10"))
    with pytest.raises(UserError, match="is a folder"):
        build("ids", file=tmp_path / "folder").compress(task(tmp_path, "1/10"))


def test_the_fraction_that_is_told_fits(tmp_path):
    file = wrote(tmp_path, "a.npy", np.arange(7))
    with pytest.raises(UserError) as refused:
        build("ids", file=file).compress(task(tmp_path, "1/10"))
    share = refused.value.mend.partition("fraction=")[2].partition("]")[0]
    assert len(build("ids", file=file).compress(task(tmp_path, share))) == 7


def test_without_a_file_there_is_nothing_to_do(tmp_path):
    assert "names no file" in build("ids").skip(task(tmp_path, "1/10"))
    with pytest.raises(UserError, match="names no file"):
        build("ids").compress(task(tmp_path, "1/10"))


def test_the_content_is_part_of_the_version(tmp_path):
    plugins, versions = Plugins(), []
    for ids in (IDS, IDS[::-1]):
        versions.append(parse(f"ids[file={wrote(tmp_path, 'a.npy', np.array(ids))}]", plugins).version)
    assert versions[0] != versions[1]


FOLDER = tempfile.TemporaryDirectory()
np.save(f"{FOLDER.name}/scores.npy", image_set("train").images.mean((1, 2, 3)))


@pytest.mark.parametrize("check", checks(f"ids[file={FOLDER.name}/scores.npy,keep=largest]"))
def test_contract(check):
    check()
