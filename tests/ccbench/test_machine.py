"""What a process may use: affinity, control groups of both versions, memory, threads."""

import json
import os
import subprocess
import sys

import pytest

from ccbench import machine
from ccbench.errors import UserError

GIB = 1 << 30


def system(root, groups, files):
    """A folder with the files that a kernel shows: ``proc/self/cgroup`` and some of ``sys/fs/cgroup``."""
    (root / "proc/self").mkdir(parents=True)
    (root / "proc/self/cgroup").write_text("".join(f"{line}\n" for line in groups))
    for name, text in files.items():
        file = root / "sys/fs/cgroup" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(f"{text}\n")
    return root


def first_version(folder, quota):
    """A processor quota as control groups of version 1 state it."""
    return {f"{folder}/cpu.cfs_quota_us": quota, f"{folder}/cpu.cfs_period_us": 100_000}


@pytest.fixture
def many_cores(monkeypatch):
    if not hasattr(os, "sched_getaffinity"):
        pytest.skip("no affinity on this system")
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: set(range(16)))


@pytest.mark.parametrize(
    ("groups", "files", "cores"),
    [
        (["0::/"], {"cpu.max": "200000 100000"}, 2),
        (["0::/"], {"cpu.max": "max 100000"}, 16),
        (["0::/"], {"cpu.max": "150000 100000"}, 2),
        (["0::/a/b"], {"a/b/cpu.max": "max 100000", "a/cpu.max": "300000 100000"}, 3),
        # a container without a namespace of its own sees the host's path, and its own group at the top
        (["0::/docker/0123"], {"cpu.max": "400000 100000"}, 4),
        (["3:cpu,cpuacct:/job"], first_version("cpu,cpuacct/job", 50_000), 1),
        (["3:cpu:/job"], first_version("cpu", 500_000), 5),
        (["3:cpu:/"], first_version("cpu", -1), 16),
        (["5:memory:/"], first_version("cpu", 100_000), 16),
        ([], {}, 16),
    ],
)  # fmt: skip
def test_processor_quotas(tmp_path, many_cores, groups, files, cores):
    assert machine.cores(system(tmp_path, groups, files)) == cores


@pytest.mark.parametrize(
    ("groups", "files", "limit"),
    [
        (["0::/a"], {"a/memory.max": str(64 << 20), "memory.max": "max"}, 64 << 20),
        (["0::/a"], {"a/memory.max": "max", "memory.max": str(32 << 20)}, 32 << 20),
        (["4:memory:/a"], {"memory/a/memory.limit_in_bytes": str(16 << 20)}, 16 << 20),
        (["4:memory:/a"], {"memory/a/memory.limit_in_bytes": "9223372036854771712"}, None),
        (["4:memory:/a", "0::/b"], {"unified/b/memory.max": str(8 << 20)}, 8 << 20),
        ([], {}, None),
    ],
)
def test_memory_limits(tmp_path, groups, files, limit):
    whole = machine.memory(tmp_path / "no such system")
    assert machine.memory(system(tmp_path, groups, files)) == (limit or whole)


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="no affinity on this system")
def test_affinity_decides_in_a_real_process():
    code = "import os; os.sched_setaffinity(0, {min(os.sched_getaffinity(0))}); from ccbench import machine\n"
    code += "print(machine.cores(), machine.workers(None, None, gpu=False, dataset_bytes=0)[0])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["1", "1"]


@pytest.mark.parametrize(
    ("jobs", "threads", "gpu", "data", "found"),
    [
        (None, None, False, 0, (8, 1)),
        (None, 3, False, 0, (2, 3)),
        (None, 16, False, 0, (1, 16)),
        (5, None, False, 0, (5, 1)),
        (None, None, False, 5 * GIB, (2, 1)),  # 0.9 * 32 GiB carry two of 2 + 2 * 5 GiB
        (None, None, False, 500 * GIB, (1, 1)),
        (None, None, True, 0, (1, 8)),
        (4, None, True, 0, (4, 2)),
        (1_000_000, None, False, 0, (57, 1)),  # 0.9 * 32 GiB of half a GiB each
        (1_000_000, None, False, 500 * GIB, (8, 1)),
    ],
)
def test_jobs_and_threads(monkeypatch, jobs, threads, gpu, data, found):
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    monkeypatch.setattr(machine, "cores", lambda: 8)
    monkeypatch.setattr(machine, "memory", lambda: 32 * GIB)
    assert machine.workers(jobs, threads, gpu=gpu, dataset_bytes=data) == found


def test_omp_num_threads_decides_where_nothing_was_asked_for(monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    assert (machine.threads_for(None), machine.threads_for(2), machine.threads_for(None, 8)) == (3, 2, 3)
    monkeypatch.setenv("OMP_NUM_THREADS", "2,1")
    assert machine.threads_for(None) == 2
    monkeypatch.setenv("OMP_NUM_THREADS", "many")
    assert machine.threads_for(None) == 1
    with pytest.raises(UserError, match="at least one thread"):
        machine.threads_for(0)


@pytest.mark.parametrize("before", ["", "import numpy, torch\n"])
def test_every_pool_follows(before):
    # libraries that are there, and those that are loaded afterwards
    code = (
        f"{before}from ccbench.machine import use_threads\nuse_threads(2)\nimport json, numpy, torch, threadpoolctl\n"
    )
    code += "print(json.dumps([torch.get_num_threads(), *(p['num_threads'] for p in threadpoolctl.threadpool_info())]))"
    environment = {k: v for k, v in os.environ.items() if not k.endswith("_NUM_THREADS")}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=environment)
    pools = json.loads(done.stdout)
    assert len(pools) > 2
    assert set(pools) == {2}


def test_it_imports_no_library():
    code = "import sys, ccbench.machine\nprint([m for m in ('torch', 'numpy', 'threadpoolctl') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
