"""Builds that are cut off, caches that are damaged, processes that meet, memory."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from data_toy import CLASSES, Toy, good, leftovers, pixels, stream

from ccbench.data import ImageDataset
from ccbench.errors import UserError

ROOT = Path(__file__).parents[3]


@pytest.mark.parametrize("fault", [KeyboardInterrupt, MemoryError, ZeroDivisionError])
def test_a_build_that_is_cut_off_leaves_nothing(fault, toy, tmp_path):
    def batches():
        yield pixels(2)
        raise fault

    with pytest.raises(fault):
        toy(lambda: {"train": good()["train"], "test": stream(batches=batches())})
    assert leftovers(tmp_path) == []
    np.testing.assert_array_equal(toy(good).train.images, pixels(7))


def test_a_file_that_may_not_be_read_is_not_blamed_on_the_cache(toy):
    def batches():
        yield pixels(2)
        raise PermissionError(13, "Permission denied", "/data/x.png")

    with pytest.raises(UserError, match=r"toy, train split: a file may not be read[\s\S]*/data/x.png"):
        toy(lambda: {"train": stream(batches=batches()), "test": stream()})


def test_a_full_disk_is_one_clear_error():
    # a limit on the size of files stands in for a full disk: the same call fails
    code = f"""
import resource, signal, sys, tempfile
sys.path[:0] = [{str(ROOT)!r}, {str(Path(__file__).parent)!r}]
import ccbench.data, ccbench.errors, data_toy as t
from ccbench.data import DataSource, open_dataset
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
cache = tempfile.mkdtemp()
resource.setrlimit(resource.RLIMIT_FSIZE, (300, resource.RLIM_INFINITY))
try:
    open_dataset("toy", plugins=t.offer(), source=DataSource(), cache=cache)
except ccbench.errors.UserError as error:
    print(error, [p.name for p in t.leftovers(cache)])
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert "the cache cannot be written" in done.stdout, done.stderr
    assert "CCBENCH_CACHE" in done.stdout
    assert done.stdout.strip().endswith("[]")


def flip(path, at):
    content = bytearray(path.read_bytes())
    content[at] ^= 1
    path.write_bytes(content)


DAMAGE = {
    "truncated images": lambda e: (e / "train-images.npy").write_bytes((e / "train-images.npy").read_bytes()[:-9]),
    "empty images": lambda e: (e / "test-images.npy").write_bytes(b""),
    "no images": lambda e: (e / "train-images.npy").unlink(),
    "no labels": lambda e: (e / "test-labels.npy").unlink(),
    "no meta": lambda e: (e / "meta.json").unlink(),
    "half a meta": lambda e: (e / "meta.json").write_bytes((e / "meta.json").read_bytes()[:200]),
    "other meta": lambda e: (e / "meta.json").write_text("[]"),
    "no files": lambda e: (e / "train-files.json").unlink(),
    "flipped header": lambda e: flip(e / "train-images.npy", 3),
    "flipped shape": lambda e: flip(e / "train-images.npy", 61),
    "flipped pixel": lambda e: flip(e / "train-images.npy", 200),
    "flipped label": lambda e: flip(e / "train-labels.npy", 128),
    "other digest": lambda e: (e / "meta.json").write_text((e / "meta.json").read_text().replace("eel", "fox")),
}


@pytest.mark.parametrize("damage", DAMAGE)
def test_a_damaged_entry_is_built_again(damage, toy, tmp_path):
    before = toy().train.digest
    (entry,) = leftovers(tmp_path)
    DAMAGE[damage](entry)
    train = toy().train
    assert Toy.built == 2
    assert train.digest == before
    assert train.classes == CLASSES
    np.testing.assert_array_equal(train.images, pixels(7))
    assert train.labels.tolist() == [0, 1, 2, 0, 1, 2, 0]
    assert len(leftovers(tmp_path)) == 1


def test_an_entry_of_a_newer_version_is_not_thrown_away(toy, tmp_path):
    toy()
    (entry,) = leftovers(tmp_path)
    meta = json.loads((entry / "meta.json").read_text())
    (entry / "meta.json").write_text(json.dumps({**meta, "schema": 99}))
    with pytest.raises(UserError, match="newer"):
        toy()
    assert leftovers(tmp_path) == [entry]
    assert Toy.built == 1


def test_a_build_that_is_killed(toy, tmp_path):
    code = f"""
import os, signal, sys
sys.path[:0] = [{str(ROOT)!r}, {str(Path(__file__).parent)!r}]
import ccbench.data, ccbench.errors, data_toy as t
from ccbench.data import DataSource, open_dataset
def batches():
    yield t.pixels(2)
    os.kill(os.getpid(), signal.SIGKILL)
t.Toy.make = staticmethod(lambda: {{"train": t.stream(batches=batches()), "test": t.stream()}})
open_dataset("toy", plugins=t.offer(), source=DataSource(), cache={str(tmp_path)!r})
"""
    assert subprocess.run([sys.executable, "-c", code]).returncode == -9
    (part,) = leftovers(tmp_path)
    assert part.name.endswith(".part")
    np.testing.assert_array_equal(toy().train.images, pixels(7))
    (entry,) = leftovers(tmp_path)  # the remains are gone
    assert (entry / "meta.json").exists()


def test_two_processes_build_once(tmp_path):
    code = f"""
import pathlib, os, sys, time
sys.path[:0] = [{str(ROOT)!r}, {str(Path(__file__).parent)!r}]
import ccbench.data, ccbench.errors, data_toy as t
from ccbench.data import DataSource, open_dataset
def slow():
    open({str(tmp_path / "built")!r}, "a").write("x")
    end = time.monotonic() + 60
    while len(list(calling.iterdir())) < 2 and time.monotonic() < end:  # the other one asks before this is done
        time.sleep(0.01)
    return t.good()
t.Toy.make = staticmethod(slow)
calling = pathlib.Path({str(tmp_path / "calling")!r})
(calling / str(os.getpid())).touch()
print(open_dataset("toy", plugins=t.offer(), source=DataSource(), cache={str(tmp_path / "cache")!r}).train.digest)
"""
    (tmp_path / "calling").mkdir()
    running = [subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) for _ in range(2)]
    digests = {p.communicate(timeout=60)[0] for p in running}
    assert [p.returncode for p in running] == [0, 0]
    assert digests == {ImageDataset.from_arrays(pixels(7), [0, 1, 2, 0, 1, 2, 0], CLASSES, name="x").digest + "\n"}
    assert len(list((tmp_path / "calling").iterdir())) == 2
    assert (tmp_path / "built").read_text() == "x"


def test_a_set_larger_than_its_batches_takes_constant_memory(tmp_path):
    code = f"""
import resource, sys
sys.path[:0] = [{str(ROOT)!r}, {str(Path(__file__).parent)!r}]
import numpy as np, ccbench.data, data_toy as t
from ccbench.data import DataSource, open_dataset
def big(n):
    labels = np.arange(n) % 3
    return ccbench.data.ImageStream(labels, t.CLASSES, 100, 100, batches(n))
def batches(n):
    for i in range(n // 50):
        yield np.full((50, 100, 100, 3), i % 251, np.uint8)
t.Toy.make = staticmethod(lambda: {{"train": big(4_000), "test": big(50)}})
plugins = t.offer()
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
train = open_dataset("toy", plugins=plugins, source=DataSource(), cache={str(tmp_path)!r}).train
grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
print(train.images.nbytes // 2**20, grown // 2**10, train.images[3_999, 0, 0, 0])
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    size, grown, last = map(int, done.stdout.split())
    assert (size, last) == (114, 79)
    assert grown < 40, f"{grown} MiB for a set of {size} MiB"
