"""One output folder, one name, and something that is not the same: through the command line."""

import csv
import json

import numpy as np
import pytest
from PIL import Image

RUN = ("run", "--protocol", "tiny", "--fraction", "0.5", "--seeds", "1", "-q")


def pictures(folder, seed, side=32):
    rng = np.random.default_rng(seed)
    for split, count in (("train", 12), ("test", 4)):
        for name in ("dark", "light"):
            (folder / split / name).mkdir(parents=True, exist_ok=True)
            for i in range(count):
                pixels = rng.integers(0, 128, (side, side, 3)) + 128 * (name == "light")
                Image.fromarray(pixels.astype(np.uint8)).save(folder / split / name / f"{i:02}.png")
    return folder


def board(out):
    with (out / "leaderboard.csv").open() as file:
        return list(csv.DictReader(file))


def test_two_image_sizes_in_one_folder_are_two_rows(ccbench, tmp_path, records):
    pictures(tmp_path / "photos", 0)
    for size, said in ((8, "1 ok"), (32, "1 ok"), (8, "1 cached")):
        run = ccbench(*RUN, "-m", "random", "-d", "folder:photos", "--image-size", size, "--out", "out")
        assert said in run.stderr
    rows = {r["options"]: r for r in board(tmp_path / "out")}
    assert set(rows) == {"image_size=8", "image_size=32"}
    assert int(rows["image_size=8"]["bytes"]) < int(rows["image_size=32"]["bytes"])
    assert "Read with" in run.stdout


def test_two_folders_under_one_name_are_two_rows(ccbench, tmp_path):
    for place in ("a", "b"):
        pictures(tmp_path / place / "photos", seed=ord(place))
        ccbench(*RUN, "-m", "random,full", "-d", "folder:photos", "--out", "out", cwd=tmp_path / place)
    outs = ("--out", tmp_path / "a/out", "--out", tmp_path / "b/out")
    shown = ccbench("leaderboard", *outs, "--format", "csv").stdout
    rows = list(csv.DictReader(shown.splitlines()))
    assert len(rows) == 4
    assert len({r["dataset_digest"] for r in rows}) == 2
    accuracy = {(r["method"], r["dataset_digest"]): float(r["accuracy_mean"]) for r in rows}
    for r in rows:  # a difference is taken to the same images
        expected = accuracy[r["method"], r["dataset_digest"]] - accuracy["full", r["dataset_digest"]]
        assert float(r["diff_full"]) == pytest.approx(expected, abs=1e-7)
    assert "| Data |" in ccbench("leaderboard", *outs, "--format", "md").stdout


@pytest.mark.parametrize(
    ("option", "values", "title"),
    [("--base-seed", (0, 7), "Base seed"), ("--precision", ("float32", "bfloat16"), "Precision")],
)
def test_base_seeds_and_number_formats_are_two_rows(ccbench, tmp_path, records, option, values, title):
    for value in values:
        run = ccbench(*RUN, "-m", "random", option, value, "--out", "out")
        assert "1 ok" in run.stderr
    assert [r["n_seeds"] for r in board(tmp_path / "out")] == ["1", "1"]
    assert f"| {title} |" in run.stdout


SELECTION = """
from pathlib import Path
from ccbench import CompressedDataset, MethodSpec, Param, hookimpl

class Listed:
    def __init__(self, ids):
        self.ids = [int(i) for i in ids.read_text().split()]

    def compress(self, task):
        return CompressedDataset.subset(task.dataset, self.ids[: task.images])

@hookimpl
def ccbench_methods():
    ids = Param(name="ids", default=None, type=Path, doc="numbers of images")
    return [MethodSpec(name="listed", target="listed:Listed", version="1", summary="x", params=(ids,), random=False)]
"""


def test_another_content_of_a_parameters_file_is_another_result(ccbench, tmp_path, records):
    (tmp_path / "listed.py").write_text(SELECTION)
    (tmp_path / "ids.txt").write_text(" ".join(map(str, range(700))))
    arguments = (*RUN, "-m", "listed[ids=ids.txt]", "--out", "out")
    env = {"CCBENCH_PLUGINS": "tiny_protocol,listed"}.items()
    env = [*env, ("PYTHONPATH", str(tmp_path) + ":" + ccbench.path)]
    assert "1 ok" in ccbench(*arguments, env=env).stderr
    assert "1 cached" in ccbench(*arguments, env=env).stderr
    plan = ("plan", *RUN[1:-1], "-m", "listed[ids=ids.txt]", "--out", "out", "--json")
    assert json.loads(ccbench(*plan, env=env).stdout)["cells"][0]["state"] == "cached"
    (tmp_path / "ids.txt").write_text(" ".join(map(str, range(1200, 500, -1))))
    assert json.loads(ccbench(*plan, env=env).stdout)["cells"][0]["state"] == "to run"
    assert "1 ok" in ccbench(*arguments, env=env).stderr
    first, second = records(tmp_path / "out")
    assert first["method"] == second["method"]
    assert first["artifact_sha256"] != second["artifact_sha256"]
    assert len(board(tmp_path / "out")) == 2
    (tmp_path / "ids.txt").unlink()
    assert "names a file that is not there" in ccbench(*arguments, env=env, code=2).stderr


def test_another_content_under_the_description_of_a_runs_file_is_a_row_of_its_own(ccbench, tmp_path, records):
    from ccbench import CompressedDataset

    ccbench(*RUN, "-m", "random[balanced=false],full", "--out", "out")
    (file,) = (tmp_path / "out/artifacts").glob("random*.ccb")
    made = CompressedDataset.open(file)
    wrong = CompressedDataset(made.payload, made.ids, (made.labels + 1) % 10, classes=made.classes, meta=made.meta)
    wrong.save(tmp_path / "wrong.ccb")
    ccbench("evaluate", "wrong.ccb", "--protocol", "tiny", "--out", "out")
    ccbench("evaluate", file, "--protocol", "tiny", "--out", "out")
    found = sorted((r["method"], r["attempt"]) for r in records(tmp_path / "out") if r["method"] != "full")
    assert [method for method, _ in found if "wrong" in method] == ["random[balanced=false] (wrong.ccb)"]


def test_a_doctored_record_is_left_out_and_named(ccbench, tmp_path):
    ccbench(*RUN, "-m", "random,full", "--out", "out")
    (path,) = (tmp_path / "out/results").rglob("random/*.json")
    facts = json.loads(path.read_text())
    path.write_text(json.dumps({**facts, "accuracy": 0.99}))
    shown = ccbench("leaderboard", "--out", "out", "--format", "csv")
    assert [r["method"] for r in csv.DictReader(shown.stdout.splitlines())] == ["full"]
    assert "does not fit its checksum" in shown.stderr
    assert path.name in shown.stderr


def test_parameters_work_for_networks_scores_protocols_and_executors(ccbench, tmp_path, records):
    (tmp_path / "more.py").write_text(MORE)
    env = [("CCBENCH_PLUGINS", "tiny_protocol,more"), ("PYTHONPATH", str(tmp_path) + ":" + ccbench.path)]
    arguments = ("run", "--fraction", "0.5", "--seeds", "1", "-q", "--out", "out", "-m", "ranked")
    ccbench(*arguments, "-a", "quicknet[width=8]", "-p", "short[updates=5]", "--executor", "here[note=hello]", env=env)
    (record,) = records(tmp_path / "out")
    assert record["architecture"] == "quicknet[width=8]"
    assert (record["protocol"], record["iterations"]) == ("short[updates=5]", 5)
    assert (tmp_path / "hello").exists()
    ccs = ccbench(*arguments[:-1], "ccs[score=seen]", "-p", "tiny", env=env)
    assert "ok" in ccs.stderr
    for wrong in (("-a", "quicknet[widht=8]"), ("-p", "short[steps=5]"), ("--executor", "here[x=1]")):
        assert "has no parameter" in ccbench(*arguments, *wrong, env=env, code=2).stderr


MORE = """
from pathlib import Path
import numpy as np
from ccbench import CompressedDataset, ExecutorSpec, MethodSpec, Need, Param, ProtocolSpec, ScoreSpec, hookimpl

class Seen:
    def __init__(self, n, classes, t=1):
        self.counts, self.t = np.zeros(n), t
    def update(self, epoch, ids, logits, labels):
        self.counts[ids.cpu().numpy()] += self.t
    def result(self):
        return self.counts + np.arange(len(self.counts)) / len(self.counts)

class Ranked:
    def compress(self, task):
        one, three = (np.asarray(task.stage("score", score=s)["score"]) for s in ("seen", "seen[t=3]"))
        assert np.allclose(one - one % 1, (three - three % 1) / 3), (one[:4], three[:4])
        return CompressedDataset.subset(task.dataset, np.argsort(-three)[: task.images])

def Here(note, **given):
    from ccbench.executors.local import LocalExecutor
    Path(note).write_text("")
    return LocalExecutor(**given)

def short(updates):
    base = {"architecture": "quicknet", "batch": 64, "lr": 0.05}
    return {"train": {**base, "iterations": updates}, "proxy": {**base, "epochs": 1}}

@hookimpl
def ccbench_methods():
    needs = (Need("score", score="seen"), Need("score", score="seen[t=3]"))
    return [MethodSpec(name="ranked", target="more:Ranked", version="1", summary="x", needs=needs, random=False)]

@hookimpl
def ccbench_scores():
    t = (Param(name="t", default=1, doc="x"),)
    return [ScoreSpec(name="seen", target="more:Seen", version="1", summary="x", params=t)]

@hookimpl
def ccbench_protocols():
    updates = (Param(name="updates", default=3, doc="x"),)
    return [ProtocolSpec(name="short", target="more:short", version="1", summary="x", params=updates)]

@hookimpl
def ccbench_executors():
    note = (Param(name="note", default="note", doc="x"),)
    return [ExecutorSpec(name="here", target="more:Here", version="1", summary="x", params=note)]
"""
