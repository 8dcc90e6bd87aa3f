"""What this process may use of its machine: cores, threads, memory, a GPU. Imports no torch.

A container or a batch system gives a process less than the machine has: its affinity, the processor
quota of its control groups (both versions) and their memory limits are what counts here.
"""

from __future__ import annotations

import math
import os
import platform
import sys
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from ccbench.errors import UserError

_PART = 0.9  # of the memory is for work, the rest for the system and the parent process
_JOB = 2 << 30  # bytes that one job takes beside its dataset: torch, a small network, a batch; measured peaks are half
_LEAST = 512 << 20  # bytes below which no job does anything
POOLS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "VECLIB_MAXIMUM_THREADS")


def cores(root: Path = Path("/")) -> int:
    """Cores that this process may use, at least 1: by affinity, and by processor quota where there is one.

    Args:
        root: the folder that has the system's ``proc`` and ``sys``.
    """
    allowed = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, min([allowed, *(math.ceil(quota) for quota in _quotas(root))]))


def processor(root: Path = Path("/")) -> str:
    """The model of the processor, as the system names it.

    Args:
        root: the folder that has the system's ``proc``.
    """
    try:
        lines = (root / "proc" / "cpuinfo").read_text(errors="replace").splitlines()
    except OSError:
        lines = []
    named = (line.partition(":")[2].strip() for line in lines if line.startswith(("model name", "Model", "Hardware")))
    return next(filter(None, named), "") or platform.processor() or platform.machine()


def memory(root: Path = Path("/")) -> int | None:
    """Bytes of memory that this process may use: the machine's, or its control group's; None where nobody says.

    Args:
        root: the folder that has the system's ``proc`` and ``sys``.
    """
    try:
        sizes = [os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")]
    except (ValueError, OSError, AttributeError):
        sizes = []
    for group in _groups(root, "memory"):
        sizes += [n for name in ("memory.max", "memory.limit_in_bytes") if (n := _number(group / name)) is not None]
    return min(sizes, default=None)


def share_of_memory(jobs: int) -> int | None:
    """Bytes for each of some jobs at a time; None where nobody says how much there is."""
    whole = memory()
    return None if whole is None else int(whole * _PART / jobs)


def workers(jobs: int | None, threads: int | None, *, gpu: bool, dataset_bytes: int) -> tuple[int, int]:
    """How many processes work at the same time, and how many threads each has.

    Args:
        jobs, threads: what was asked for, or None: on a CPU as many processes as its cores and its memory carry, of
            one thread each; on a GPU one process with all cores. More than memory has room for are not started.
        gpu: whether work is done on a GPU.
        dataset_bytes: raw bytes of the largest dataset; a process holds it twice at most.
    """
    if jobs and (whole := memory()) is not None:
        jobs = min(jobs, max(1, cores(), int(whole * _PART / (_LEAST + dataset_bytes))))
    if gpu:
        jobs = jobs or 1
        return jobs, threads_for(threads, max(1, cores() // jobs))
    threads, whole = threads_for(threads), memory()
    carried = cores() if whole is None else int(whole * _PART / (_JOB + 2 * dataset_bytes))
    return jobs or max(1, min(cores() // threads, carried)), threads


def threads_for(asked: int | None, usual: int = 1) -> int:
    """Threads of one process: those asked for, otherwise ``OMP_NUM_THREADS``, otherwise the usual number.

    One is usual on a CPU. Small networks gain nothing from a second thread, and lose much as soon as another
    process wants its core: then each waits for the other at the end of every operation.

    Raises:
        UserError: fewer than one.
    """
    if asked is not None:
        if asked < 1:
            raise UserError("at least one thread is needed", found=asked, mend="--threads 1")
        return asked
    said = os.environ.get("OMP_NUM_THREADS", "").partition(",")[0].strip()  # a list names nested levels
    return int(said) if said.isdigit() and int(said) else usual


def counted_threads(asked: int | None, device: str | None) -> int:
    """The threads that are part of a result: on a CPU torch adds up in another order with another number; on a GPU 1.

    Args:
        asked: as for :func:`threads_for`.
        device: as a user gives it, None for the best there is.
    """
    return threads_for(asked) if (device or ("cuda" if any_gpu() else "cpu")) == "cpu" else 1


def use_threads(count: int) -> None:
    """Give every pool of this process that many threads: those that are there, and those of libraries yet to load."""
    os.environ.setdefault("OMP_WAIT_POLICY", "passive")  # a thread that spins while it waits takes a core from others
    os.environ.update(dict.fromkeys(POOLS, str(count)))
    if "numpy" in sys.modules:
        from threadpoolctl import threadpool_limits

        threadpool_limits(limits=count)
    if (torch := sys.modules.get("torch")) is not None:
        torch.set_num_threads(count)


def any_gpu() -> bool:
    """Whether there may be a GPU; a driver leaves its device file, and Windows is always asked."""
    return os.name == "nt" or any(Path(path).exists() for path in ("/dev/nvidiactl", "/dev/kfd", "/dev/dxg"))


def _quotas(root: Path) -> Iterator[float]:
    """Cores by each processor quota that holds for this process."""
    for group in _groups(root, "cpu"):
        quota, period = _number(group / "cpu.cfs_quota_us"), _number(group / "cpu.cfs_period_us")
        if quota is not None and quota > 0 and period:  # -1: none
            yield quota / period
        quota, period = _number(group / "cpu.max"), _number(group / "cpu.max", 1)
        if quota is not None and period:
            yield quota / period


def _groups(root: Path, controller: str) -> Iterator[Path]:
    """The folders of the control groups that this process is in, with those above them: their limits hold too.

    In a container the path may be the host's, and only its top, the container's own group, is there to be read.
    """
    try:
        lines = (root / "proc/self/cgroup").read_text().splitlines()
    except OSError:
        return
    top = root / "sys/fs/cgroup"
    for line in lines:
        _, names, path = line.split(":", 2)
        if names and controller not in names.split(","):
            continue
        inside = PurePosixPath(path.lstrip("/"))
        for mount in (top / controller, top / names) if names else (top, top / "unified"):
            yield from (mount / folder for folder in (inside, *inside.parents))


def _number(file: Path, word: int = 0) -> int | None:
    """A whole number in a file of the system; None where the file or the number is not there."""
    try:
        return int(file.read_text().split()[word])
    except (OSError, ValueError, IndexError):  # "max" is no limit
        return None
