import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from ccbench import machine
from ccbench.commands.cache import entries, readable
from ccbench.store import Store


@pytest.fixture
def store(tmp_path):
    return Store(tmp_path / "cache")


def fill(store, kind, key, size=1000):
    return store.get_or_make(kind, key, lambda folder: {"x": np.zeros(size, np.uint8)})


def test_cache_shows_entries_by_kind(ccbench, store, tmp_path):
    fill(store, "proxy", "a", 5_000_000)
    fill(store, "proxy", "b")
    fill(store, "features", "c")
    done = ccbench("cache")
    assert done.code == 0
    lines = done.out.splitlines()
    assert lines[0] == str(tmp_path / "cache")
    assert [line.split()[0] for line in lines[1:]] == ["features", "proxy", "total"]
    assert lines[2].split()[1:3] == ["2", "entries"]
    size = sum(i.size for i in entries(store.root) if i.kind == "proxy")
    assert 5_000_000 <= size < 5_100_000
    assert lines[2].endswith(readable(size))


def test_an_empty_cache(ccbench, tmp_path):
    assert ccbench("cache").code == 0
    assert "nothing to delete" in ccbench("cache", "clear", "--yes").out
    assert not (tmp_path / "cache").exists()  # looking makes nothing


def test_clear_asks_first(ccbench, store, monkeypatch):
    fill(store, "proxy", "a")
    done = ccbench("cache", "clear")  # standard input is no terminal here
    assert done.code == 2
    assert "--yes" in done.err
    assert store.get("proxy", "a") is not None
    assert ccbench("cache", "clear", "--yes").out.startswith("deleted 1 entries")
    assert store.get("proxy", "a") is None
    assert list(entries(store.root)) == []


def test_clear_by_kind_and_age(ccbench, store):
    old, new, other = fill(store, "proxy", "old"), fill(store, "proxy", "new"), fill(store, "features", "old")
    week = time.time() - 7 * 86400
    for entry in (old, other):
        for path in (*entry.path.iterdir(), entry.path):
            os.utime(path, (week, week))
    assert ccbench("cache", "clear", "--kind", "proxy", "--older-than", "3", "--yes").code == 0
    assert store.get("proxy", "old") is None
    assert store.get("proxy", "new") is not None
    assert store.get("features", "old") is not None
    unknown = ccbench("cache", "clear", "--kind", "proxi", "--yes")
    assert unknown.code == 2
    assert "features, proxy" in unknown.err
    assert new.path.exists()


def test_what_another_process_is_making_stays(ccbench, store):
    fill(store, "proxy", "held")
    fill(store, "proxy", "free")
    code = (
        "import sys, time\nfrom filelock import FileLock\n"
        "with FileLock(sys.argv[1]):\n    print('held', flush=True)\n    time.sleep(60)\n"
    )
    lock = store.path("proxy", "held").with_name(".held.lock")
    part = lock.with_name(".held.123.part")
    part.mkdir()
    holder = subprocess.Popen([sys.executable, "-c", code, str(lock)], stdout=subprocess.PIPE, text=True)
    try:
        assert holder.stdout.readline() == "held\n"
        done = ccbench("cache", "clear", "--yes")
        assert done.code == 0
        assert "left 1 entries" in done.err
        assert store.get("proxy", "held") is not None
        assert part.exists()
        assert store.get("proxy", "free") is None
    finally:
        holder.kill()
        holder.wait()
    assert ccbench("cache", "clear", "--yes").code == 0  # the lock went with its holder
    assert store.get("proxy", "held") is None
    assert not part.exists()


def test_doctor(ccbench, tmp_path, monkeypatch):
    import torch

    monkeypatch.delenv("CCBENCH_DATA", raising=False)
    done = ccbench("doctor")
    assert done.code == 0
    assert torch.__version__.partition("+")[0] in done.out
    assert "faster on cpu" in done.out
    assert "at a time (--jobs) of " in done.out
    assert f"{machine.cores()} cores usable" in done.out
    assert str(tmp_path / "cache") in done.out
    lines = {line.split()[0]: line for line in done.out.splitlines() if line.strip()}
    assert lines["photodigits"].endswith("found")
    assert "not here" in lines["cifar10"]


def test_doctor_names_what_stops_a_run(ccbench, module, tmp_path, monkeypatch):
    module("raining", "raise RuntimeError('wet')")
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("CCBENCH_CACHE", str(tmp_path / "file" / "cache"))
    from ccbench.commands.doctor import broken, cache, datasets
    from ccbench.offers.discovery import Plugins

    assert dict(cache())["writable"].startswith("! no")
    monkeypatch.syspath_prepend(Path.cwd())
    found = Plugins(extra=("raining",))
    assert "RuntimeError: wet" in dict(broken(found))["raining ((given by name))"]
    rows = dict(datasets(found, tmp_path / "missing"))
    assert rows[""].startswith("! there is no folder")
    monkeypatch.setenv("CCBENCH_CACHE", str(tmp_path / "cache"))


@pytest.mark.parametrize(
    ("size", "text"), [(0, "0 B"), (999, "999 B"), (1000, "1.0 kB"), (12_345_678, "12.3 MB"), (5e15, "5000.0 TB")]
)
def test_bytes_for_people(size, text):
    assert readable(size) == text
