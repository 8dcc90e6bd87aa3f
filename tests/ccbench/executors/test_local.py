"""The local executor's processes: a fresh one ends with its item, and a pool that lost its worker is started again."""

import os
import signal
import time

import pytest

from ccbench.executors import WorkItem
from ccbench.executors.local import LocalExecutor


def until(executor, count=1, seconds=120):
    ended, end = [], time.monotonic() + seconds
    while len(ended) < count and time.monotonic() < end:
        ended += executor.wait(0.5)
    return ended


@pytest.mark.skipif(os.name != "posix", reason="looks at processes by signal")
def test_processes_come_and_go_with_what_they_are_for():
    executor = LocalExecutor(jobs=1)
    try:
        executor.submit(WorkItem("fresh", "os:getpid", fresh=True))
        executor.submit(WorkItem("usual", "os:getpid"))
        ended = {f.id: f for f in until(executor, 2)}
        assert {f.status for f in ended.values()} == {"ok"}
        with pytest.raises(ProcessLookupError):
            os.kill(ended["fresh"].value, 0)
        os.kill(ended["usual"].value, signal.SIGKILL)  # while it has nothing to do
        time.sleep(1)
        executor.submit(WorkItem("after", "os:getpid"))
        (after,) = until(executor)
        assert after.status == "ok"
        assert after.value != ended["usual"].value
    finally:
        executor.close(cancel=True)
