"""The local executor's processes: a fresh one ends with its item, and a pool that lost its worker is started again."""

import os
import signal
import time

import pytest
import torch

from ccbench.executors import WorkItem, local
from ccbench.executors.local import LocalExecutor


def until(executor, count=1, seconds=120):
    ended, end = [], time.monotonic() + seconds
    while len(ended) < count and time.monotonic() < end:
        ended += executor.wait(0.5)
    return ended


def gone(process):
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return True
    return False


@pytest.mark.skipif(os.name != "posix", reason="looks at processes by signal")
def test_processes_come_and_go_with_what_they_are_for(wait_for):
    executor = LocalExecutor(jobs=1)
    try:
        executor.submit(WorkItem("fresh", "os:getpid", fresh=True))
        executor.submit(WorkItem("usual", "os:getpid"))
        ended = {f.id: f for f in until(executor, 2)}
        assert {f.status for f in ended.values()} == {"ok"}
        assert gone(ended["fresh"].value)
        os.kill(ended["usual"].value, signal.SIGKILL)  # while it has nothing to do
        wait_for(lambda: gone(ended["usual"].value))  # and the executor has seen it
        executor.submit(WorkItem("after", "os:getpid"))
        (after,) = until(executor)
        assert after.status == "ok"
        assert after.value != ended["usual"].value
    finally:
        executor.close(cancel=True)


@pytest.mark.parametrize(("said", "asked", "found"), [(None, None, 1), ("2", None, 2), ("2", 1, 1), (None, 2, 2)])
def test_threads_of_a_worker(monkeypatch, said, asked, found):
    monkeypatch.delenv("OMP_NUM_THREADS")
    if said:
        monkeypatch.setenv("OMP_NUM_THREADS", said)
    executor = LocalExecutor(jobs=1, threads=asked)
    try:
        executor.submit(WorkItem("threads", "torch:get_num_threads"))
        assert [f.value for f in until(executor)] == [found]
    finally:
        executor.close(cancel=True)


def memory_limit():
    """Called in a worker."""
    import resource

    return resource.getrlimit(resource.RLIMIT_DATA)[0]


@pytest.mark.skipif(os.name != "posix" or torch.cuda.is_available(), reason="processes without a GPU have such limits")
def test_a_fresh_process_may_use_what_its_share_did_not_hold(monkeypatch):
    monkeypatch.setattr(local, "share_of_memory", lambda jobs: 60 * 2**30 // jobs)
    executor = LocalExecutor(jobs=2)
    try:
        for name, fresh in (("usual", False), ("fresh", True)):
            executor.submit(WorkItem(name, f"{__name__}:memory_limit", fresh=fresh))
        ended = {f.id: f.value for f in until(executor, 2)}
    finally:
        executor.close(cancel=True)
    assert ended == {"usual": 30 * 2**30, "fresh": 60 * 2**30}
