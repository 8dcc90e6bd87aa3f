"""The local executor's processes: one for each item, and whatever it does, it does to itself alone."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch

from ccbench.executors import WorkItem, local
from ccbench.executors.local import LocalExecutor
from ccbench.machine import POOLS

posix = pytest.mark.skipif(os.name != "posix", reason="signals")


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


@pytest.fixture
def executor():
    made = []

    def make(**options):
        made.append(LocalExecutor(**options))
        return made[-1]

    yield make
    for one in made:
        one.close(cancel=True)


def test_every_item_has_a_process_of_its_own_that_ends_with_it(executor, wait_for):
    two = executor(jobs=1)
    for name in "abc":
        two.submit(WorkItem(name, "os:getpid"))
    ended = until(two, 3)
    assert {f.status for f in ended} == {"ok"}
    assert len({f.value for f in ended}) == 3
    wait_for(lambda: all(gone(f.value) for f in ended))


def leave_a_mark():
    """Called in a worker: what a careless or hostile item does to its process."""
    import builtins
    import sys

    torch.set_default_dtype(torch.float64)
    torch.set_grad_enabled(False)
    torch.set_num_threads(7)
    torch.nn.functional.cross_entropy = None
    builtins.sum = None
    sys.stdout = None
    os.environ["MARK"] = "1"
    os.chdir("/")


def marks():
    """Called in a worker."""
    import sys

    return [
        str(torch.get_default_dtype()), torch.is_grad_enabled(), torch.get_num_threads(),
        torch.nn.functional.cross_entropy is None, sum([1]), sys.stdout is None, os.environ.get("MARK"),
        str(Path.cwd()),
    ]  # fmt: skip


def test_nothing_that_an_item_does_to_its_process_reaches_the_next(executor):
    two = executor(jobs=1, threads=1)
    two.submit(WorkItem("clean", f"{__name__}:marks"))
    two.submit(WorkItem("foul", f"{__name__}:leave_a_mark"))
    two.submit(WorkItem("after", f"{__name__}:marks"))
    ended = {f.id: f for f in until(two, 3)}
    assert ended["foul"].status == "ok"
    assert ended["after"].value == ended["clean"].value


def pid_and(folder, seconds):
    """Called in a worker."""
    Path(folder, str(os.getpid())).touch()
    time.sleep(seconds)
    return "done"


def at_work(folder, count, wait_for):
    wait_for(lambda: len(list(folder.iterdir())) == count)
    return [int(p.name) for p in folder.iterdir()]


@posix
def test_a_killed_process_takes_its_own_item_alone(executor, tmp_path, wait_for):
    two = executor(jobs=2)
    for name in "ab":
        two.submit(WorkItem(name, f"{__name__}:pid_and", {"folder": str(tmp_path), "seconds": 2}))
    two.submit(WorkItem("c", f"{__name__}:pid_and", {"folder": str(tmp_path), "seconds": 0}))
    os.kill(at_work(tmp_path, 2, wait_for)[0], signal.SIGKILL)
    ended = {f.id: f.status for f in until(two, 3)}
    assert ended["c"] == "ok"
    assert sorted([ended["a"], ended["b"]]) == ["ok", "oom"]


@posix
def test_the_limit_counts_from_the_start_of_a_process_that_never_gets_to_work(executor, tmp_path, wait_for):
    two = executor(jobs=1)
    two.submit(WorkItem("usual", "os:getpid", timeout=100))
    until(two)
    before = time.monotonic()
    two.submit(WorkItem("stuck", f"{__name__}:pid_and", {"folder": str(tmp_path), "seconds": 60}, timeout=3))
    (process,) = (one.process for one in two._at_work.values())
    os.kill(process.pid, signal.SIGSTOP)
    (ended,) = until(two)
    assert (ended.status, ended.reason) == ("timeout", "killed after its limit of 3 s")
    assert 2.5 < time.monotonic() - before < 20
    assert gone(process.pid)


def child_and(folder):
    """Called in a worker: starts a process that would outlive it."""
    import subprocess
    import sys

    child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(300)"])
    Path(folder, str(child.pid)).touch()
    time.sleep(300)


@posix
def test_what_an_item_started_ends_with_it(executor, tmp_path, wait_for):
    two = executor(jobs=1)
    two.submit(WorkItem("parent", f"{__name__}:child_and", {"folder": str(tmp_path)}, timeout=9))
    (child,) = at_work(tmp_path, 1, wait_for)
    assert not gone(child)
    assert [f.status for f in until(two)] == ["timeout"]
    wait_for(lambda: gone(child))


def ends(how):
    """Called in a worker."""
    if how == "interrupt":
        raise KeyboardInterrupt
    if how == "exit":
        raise SystemExit(4)
    if how == "os":
        os._exit(7)
    if how == "object":
        return object()
    if how == "much":
        return "x" * (2 << 20)
    raise ValueError("x" * (2 << 20))


@pytest.mark.parametrize(
    ("how", "says"),
    [
        ("interrupt", "KeyboardInterrupt"), ("exit", "SystemExit: 4"), ("os", "exit code 7"),
        ("object", "cannot travel"), ("much", "it gave back 2,097,1"), ("long", "ValueError: xxx"),
    ],
)  # fmt: skip
def test_whatever_an_item_ends_with_is_said_and_the_next_one_runs(executor, how, says):
    one = executor(jobs=1)
    one.submit(WorkItem("odd", f"{__name__}:ends", {"how": how}))
    one.submit(WorkItem("next", "os:getpid"))
    ended = {f.id: f for f in until(one, 2)}
    assert ended["odd"].status == "failed"
    assert says in ended["odd"].reason
    assert len(ended["odd"].reason) + len(ended["odd"].log) < 1 << 20
    assert ended["next"].status == "ok"


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


def test_an_item_that_computes_on_a_cpu_sees_no_gpu(executor):
    """It would otherwise hold one that others wait for, and its memory would know no limit."""
    two = executor(jobs=2)
    for gpu in (True, False):
        two.submit(WorkItem(str(gpu), "os:getenv", {"key": "CUDA_VISIBLE_DEVICES", "default": "all"}, gpu=gpu))
    ended = {found.id: found.value for found in until(two, 2)}
    assert ended["False"] == ""
    assert ended["True"] == os.environ.get("CUDA_VISIBLE_DEVICES", "all")


INHERITED = """
import os, sys
from pathlib import Path
from ccbench.executors import TRAINING, WorkItem
from ccbench.executors.local import LocalExecutor

def look():
    import torch
    before = len(sys.modules)
    threads = sum(1 for _ in Path(f"/proc/{os.getppid()}/task").iterdir())
    warm = "torch._dynamo" in sys.modules
    torch.optim.SGD([torch.zeros(1)], lr=0.1)  # imports it where it is not there
    gpu = [torch.cuda.is_initialized(), torch.cuda._is_in_bad_fork()]
    return [warm, threads, *gpu, torch.get_num_threads(), len(sys.modules) - before]

if __name__ == "__main__":
    executor = LocalExecutor(jobs=1, threads=2)
    executor.submit(WorkItem("a", "inherited:look", warm=TRAINING))
    while not (ended := executor.wait(1)):
        pass
    executor.close()
    print(ended[0].value, ended[0].reason)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="others are spawned")
def test_processes_are_forked_from_one_with_all_imports_a_single_thread_and_no_gpu(tmp_path):
    (tmp_path / "inherited.py").write_text(INHERITED)
    environment = {name: value for name, value in os.environ.items() if name not in POOLS}
    done = subprocess.run(
        [sys.executable, "inherited.py"], cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=200
    )
    assert done.stdout.strip() == "[True, 1, False, False, 2, 0]", done.stderr


@pytest.mark.skipif(sys.platform != "linux", reason="others are spawned")
def test_ctrl_c_waits_until_a_process_ignores_it():
    local._context("")
    server = vars(local.forkserver._forkserver)["_forkserver_pid"]
    status = Path(f"/proc/{server}/status").read_text()
    (held,) = (int(line.split()[1], 16) for line in status.splitlines() if line.startswith("SigBlk"))
    assert held & 1 << (signal.SIGINT - 1)


def test_ctrl_c_waits_until_a_process_has_started(executor, monkeypatch):
    one, start = executor(jobs=1), LocalExecutor._start

    def interrupted(self, item):
        signal.raise_signal(signal.SIGINT)
        start(self, item)

    monkeypatch.setattr(LocalExecutor, "_start", interrupted)
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        with pytest.raises(KeyboardInterrupt):
            one.submit(WorkItem("a", "os:getpid"))
    finally:
        signal.signal(signal.SIGINT, before)
    assert [f.status for f in until(one)] == ["ok"]
