"""What a method reaches of the test split, the network and the disk where compressions are sealed, and where not."""

import json
import os
import socket
import threading

import numpy as np
import pytest
from PIL import Image

from ccbench.errors import UserError
from ccbench.executors import sealing

SPY = '''
"""Tries every way to the test split, and tells in its log which of them led there."""

import json
import os
import socket
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

from ccbench import CompressedDataset, MethodSpec, hookimpl


def by_path():
    return len(Path(os.environ["TEST_FILE"]).read_bytes())

def by_bytes():
    handle = os.open(os.environ["TEST_FILE"].encode(), os.O_RDONLY)
    return len(os.read(handle, 100))

def by_subprocess():
    return len(subprocess.run(["cat", os.environ["TEST_FILE"]], capture_output=True, check=True).stdout)

def by_link():
    link = Path(tempfile.mkdtemp()) / "harmless"
    link.symlink_to(os.environ["TEST_FILE"])
    return len(link.read_bytes())

def by_the_dataset():
    from ccbench.data import DataSource
    from ccbench.offers.discovery import Plugins
    from ccbench.offers.expressions import read_call

    dataset = read_call("dataset", os.environ["DATASET"], Plugins()).spec.build()
    argument = os.environ["DATASET"].partition(":")[2]
    return len(dataset.splits(DataSource(argument=argument))["test"].labels)

def by_what_is_opened():
    from ccbench.runner import work

    return max(len(splits.test.labels) for splits in work._opened.values())

def by_the_cache():
    return max(len(np.load(p)) for p in Path(os.environ["CCBENCH_CACHE"]).rglob("test-labels.npy"))

def by_another_process():
    seen = [len(p.read_bytes()) for p in Path("/proc").glob(f"[0-9]*/root{os.environ['TEST_FILE']}") if p.exists()]
    return max(seen)

def the_network():
    with socket.create_connection(("127.0.0.1", int(os.environ["PORT"])), timeout=5):
        return 1

def what_others_made():
    return len(Path(os.environ["OTHER"]).read_bytes())

def records():
    Path(os.environ["OTHER"]).parent.parent.joinpath("results", "mine.json").write_text("{}")
    return 1


WAYS = [by_path, by_bytes, by_subprocess, by_link, by_the_dataset, by_what_is_opened, by_the_cache,
        by_another_process, the_network, what_others_made, records]

def found():
    ways = {}
    for way in WAYS:
        try:
            ways[way.__name__] = way()
        except Exception as error:
            ways[way.__name__] = f"{type(error).__name__}: {error}"
    return ways


class Spy:
    def __init__(self):
        self.first = found()

    def compress(self, task):
        print("spied", json.dumps([self.first, found()]), flush=True)
        return CompressedDataset.subset(task.dataset, np.arange(0, len(task.dataset), 2)[: task.images])


@hookimpl
def ccbench_methods():
    return [MethodSpec(name="spy", target="spying:Spy", version="1", summary="looks around", random=False)]
'''


def _sealable():
    try:
        sealing.check()
    except UserError as error:
        return str(error)
    return ""


needs_seal = pytest.mark.skipif(bool(_sealable()), reason=_sealable())


@pytest.fixture
def spying(environment, tmp_path, monkeypatch):
    """Variables under which the method ``spy`` exists, and finds what it looks for."""
    place = tmp_path / "plugins"
    place.mkdir()
    (place / "spying.py").write_text(SPY)
    rng = np.random.default_rng(0)
    for split, many in (("train", 40), ("test", 12)):
        for name in ("a", "b"):
            folder = tmp_path / "pictures" / split / name
            folder.mkdir(parents=True)
            for i in range(many):
                pixels = rng.integers(0, 255, (16, 16, 3), dtype=np.uint8) // (1 + (name == "b"))
                Image.fromarray(pixels).save(folder / f"{i}.png")
    listener = socket.create_server(("127.0.0.1", 0))
    threading.Thread(target=_accept, args=(listener,), daemon=True).start()
    yield {
        "PYTHONPATH": os.pathsep.join([str(place), environment["PYTHONPATH"]]),
        "CCBENCH_PLUGINS": "tiny_protocol,spying",
        "CCBENCH_CACHE": str(tmp_path / "cache"),
        "TEST_FILE": str(tmp_path / "pictures" / "test" / "a" / "0.png"),
        "DATASET": f"folder:{tmp_path / 'pictures'}",
        "PORT": str(listener.getsockname()[1]),
    }
    listener.close()


def _accept(listener):
    try:
        while True:
            listener.accept()[0].close()
    except OSError:
        return


def spied(out):
    """What each way led to: (before the method was built, while it worked)."""
    (line,) = [x for p in out.glob("logs/*.log") for x in p.read_text().splitlines() if x.startswith("spied ")]
    return json.loads(line.removeprefix("spied "))


WAYS = (
    "by_path", "by_bytes", "by_subprocess", "by_link", "by_the_dataset", "by_what_is_opened", "by_the_cache",
    "by_another_process", "the_network", "what_others_made", "records",
)  # fmt: skip


def run(ccbench, tmp_path, spying, dataset, *more):
    """``random`` first, in a plain run, and then the spy, which the watch over the test split always catches."""
    name = spying["DATASET"] if dataset == "folder" else dataset
    common = ["-d", name, "--ratio", "0.5", "--seeds", "1", "-p", "tiny", "-q", "--jobs", "1", "-o", "out"]
    ccbench("run", "-m", "random", *common, env=spying)
    spying["DATASET"] = name
    if dataset != "folder":
        (spying["TEST_FILE"],) = map(str, (tmp_path / "cache" / "datasets").glob("*/test-images.npy"))
    (other,) = (tmp_path / "out" / "artifacts").glob("random-*.ccb")
    spying["OTHER"] = str(other)
    return ccbench("run", "-m", "spy,random", *common, *more, env=spying, code=1)


@needs_seal
@pytest.mark.parametrize("dataset", ["folder", pytest.param("photodigits", marks=pytest.mark.slow)])
def test_no_way_leads_out_of_a_seal(ccbench, records, tmp_path, spying, dataset):
    run(ccbench, tmp_path, spying, dataset, "--sealed")
    for found in spied(tmp_path / "out"):
        assert {way: type(found[way]) for way in WAYS} == dict.fromkeys(WAYS, str), found
    made = {(r["method"], r["attempt"]): r for r in records(tmp_path / "out")}
    assert "opened the test split" in made["spy", 1]["reason"]  # that it tried is told all the same
    plain, sealed = made["random", 1], made["random", 2]  # done again, since it was not sealed
    assert (plain["sealed"], sealed["sealed"]) == (False, True)
    for field in ("accuracy", "bytes", "artifact_sha256", "final_loss"):
        assert plain[field] == sealed[field]
    assert "| Sealed |" in (tmp_path / "out" / "leaderboard.md").read_text()
    assert [p.name for p in (tmp_path / "out" / "artifacts").iterdir() if p.name.startswith(".")] == []
    again = run(ccbench, tmp_path, spying, dataset, "--sealed")
    assert "1 cached" in again.stderr


def test_the_same_ways_are_open_without_a_seal(ccbench, tmp_path, spying):
    run(ccbench, tmp_path, spying, "folder")
    found = spied(tmp_path / "out")[1]
    assert [way for way in WAYS if isinstance(found[way], str)] == ["by_what_is_opened"]  # compressions open no test


def test_where_nothing_can_be_sealed(ccbench, tmp_path):
    folder = tmp_path / "empty"
    folder.mkdir()
    done = ccbench(
        "run", "-m", "random", "--ratio", "0.9", "--sealed", "-o", "out", env={"PATH": str(folder)}, code=2
    )  # fmt: skip
    assert "apt install bubblewrap" in done.stderr
    assert not (tmp_path / "out").exists()


def test_an_executor_that_seals_nothing_is_refused(ccbench, tmp_path, environment):
    (tmp_path / "plain_executor.py").write_text(
        "from ccbench import hookimpl\n"
        "from ccbench.offers.specs import ExecutorSpec\n\n"
        "@hookimpl\n"
        "def ccbench_executors():\n"
        '    return [ExecutorSpec(name="plain", target="ccbench.executors.local:LocalExecutor", version="1",\n'
        '                         summary="seals nothing")]\n'
    )
    env = {
        "PYTHONPATH": os.pathsep.join([str(tmp_path), environment["PYTHONPATH"]]),
        "CCBENCH_PLUGINS": "plain_executor",
    }
    done = ccbench("run", "-m", "random", "--ratio", "0.9", "--sealed", "--executor", "plain", env=env, code=2)
    assert "executor plain seals no processes" in done.stderr
