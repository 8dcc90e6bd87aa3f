"""Processes on this machine, kept by pebble: a hard time limit and a clean kill for each item."""

from __future__ import annotations

import gc
import importlib
import os
import signal
import sys
import threading
import time
import traceback
from concurrent.futures import CancelledError, Future, wait
from multiprocessing.context import SpawnContext, SpawnProcess
from typing import Any

from pebble import ProcessExpired, ProcessPool

from ccbench.errors import MethodError, Skipped, Unfit, UserError
from ccbench.executors import Finished, WorkItem
from ccbench.machine import share_of_memory, threads_for, use_threads
from ccbench.offers.faults import said


class LocalExecutor:
    """``jobs`` spawned processes; each is used again until an item kills it.

    Args:
        jobs: items at a time, >= 1.
        memory_limit: bytes of memory for each process, or None for its share of what this machine allows; a fresh
            process, for an item that ran out of its share, then may have the whole.
        threads: of each process, or None for ``OMP_NUM_THREADS``, otherwise 1.
    """

    def __init__(self, *, jobs: int = 1, memory_limit: int | None = None, threads: int | None = None) -> None:
        if jobs < 1:
            raise UserError("at least one job is needed", found=jobs, mend="--jobs 1")
        self.capacity = jobs
        self._limit, self._threads = memory_limit, threads_for(threads)
        self._pool = self._start(jobs)
        self._futures: dict[Future[Any], tuple[WorkItem, ProcessPool]] = {}

    def submit(self, item: WorkItem) -> None:
        """Queue an item."""
        if not item.fresh and not self._pool.active:  # pebble gives a pool up whose idle worker died
            _end(self._pool)
            self._pool = self._start(self.capacity)
        pool = self._start(1) if item.fresh else self._pool
        future = pool.schedule(_call, args=[item.function, dict(item.payload)], timeout=item.timeout)
        self._futures[future] = item, pool

    def _start(self, workers: int) -> ProcessPool:
        return ProcessPool(
            max_workers=workers,
            context=_Context(),
            initializer=_start_worker,
            initargs=(os.getpid(), self._threads, self._limit or share_of_memory(workers)),
        )

    def wait(self, seconds: float) -> list[Finished]:
        """Items that have ended since the last call."""
        if not self._futures:
            time.sleep(seconds)
            return []
        done, _ = wait(self._futures, timeout=seconds, return_when="FIRST_COMPLETED")
        ended = []
        for future in done:
            item, pool = self._futures.pop(future)
            ended.append(_finished(item, future))
            if item.fresh:
                _end(pool)  # its process would keep its memory, and its GPU, until the end of the run
        return ended

    def running(self) -> list[str]:
        """Ids of the items in a process now."""
        return [item.id for future, (item, _) in self._futures.items() if future.running()]

    def close(self, *, cancel: bool = False) -> None:
        """End the processes."""
        for pool in {self._pool, *(pool for _, pool in self._futures.values())}:
            if cancel:
                pool.stop()
            else:
                pool.close()
            pool.join()


def _end(pool: ProcessPool) -> None:
    pool.stop()
    pool.join()


class _Process(SpawnProcess):
    """A spawned process that does not run the caller's main script again.

    multiprocessing would, so that a script without ``if __name__ == "__main__"`` or one read from
    standard input could not call :func:`ccbench.run`. Work items name their module, so no worker needs it.
    """

    @staticmethod
    def _Popen(process_obj: Any) -> Any:  # noqa: N802 - multiprocessing's name
        with _STARTING:
            main: dict[str, Any] = vars(sys.modules["__main__"])
            hidden: dict[str, Any] = {name: main[name] for name in ("__file__", "__spec__") if name in main}
            main.pop("__file__", None)
            main["__spec__"] = None
            try:
                return SpawnProcess._Popen(process_obj)
            finally:
                del main["__spec__"]
                main.update(hidden)


class _Context(SpawnContext):
    """Spawned, because a forked torch deadlocks."""

    Process = _Process


_STARTING = threading.Lock()


def _finished(item: WorkItem, future: Future[Any]) -> Finished:
    try:
        status, reason, value, log = future.result()
    except TimeoutError:  # concurrent.futures' own is this one since Python 3.11
        return Finished(item.id, "timeout", f"killed after its limit of {item.timeout:g} s")
    except CancelledError:
        return Finished(item.id, "failed", "cancelled")
    except ProcessExpired as error:
        if error.exitcode == -9:
            return Finished(item.id, "oom", "its process was killed (SIGKILL), as the system does when memory runs out")
        return Finished(item.id, "failed", f"its process ended with exit code {error.exitcode}")
    except Exception as error:  # what could not be sent back
        return Finished(item.id, "failed", f"{type(error).__name__}: {error}", log=traceback.format_exc())
    return Finished(item.id, status, reason, value, log)


def _call(function: str, payload: dict[str, Any]) -> tuple[str, str, Any, str]:
    """Run an item in a worker; whatever it raises becomes a status."""
    module, _, name = function.partition(":")
    try:
        return "ok", "", getattr(importlib.import_module(module), name)(**payload), ""
    except (Exception, SystemExit) as error:  # a method that calls exit() must not take the worker along
        ended = (*verdict(error), None, traceback.format_exc())
    _free_gpu()
    return ended


def _free_gpu() -> None:
    """Give back what a failed item held on the GPU: the process that tries it again needs it."""
    torch = sys.modules.get("torch")
    if torch is not None and torch.cuda.is_initialized():
        gc.collect()
        torch.cuda.empty_cache()


def verdict(error: BaseException) -> tuple[str, str]:
    """The status and the reason of what was raised."""
    text = " ".join(str(error).split())
    torch = sys.modules.get("torch")
    memory = isinstance(error, MemoryError) or (torch is not None and isinstance(error, torch.OutOfMemoryError))
    if memory or "can't allocate memory" in text or "Unable to allocate" in text:
        return "oom", text[:300] or "out of memory"
    if isinstance(error, Unfit | Skipped):
        return "skipped", text
    if isinstance(error, UserError | MethodError):
        return "failed", text
    return "failed", said(error)


def _start_worker(parent: int, threads: int, memory: int | None) -> None:
    """Make a fresh process a good worker."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's to handle
    threading.Thread(target=_die_with, args=(parent,), daemon=True).start()
    use_threads(threads)
    import torch

    if torch.cuda.is_available():
        _claim_gpu(torch)
    elif memory is not None:
        _limit_memory(memory)


def _die_with(parent: int) -> None:
    """A worker whose parent was killed must not go on writing."""
    while os.getppid() == parent:
        time.sleep(0.5)
    os._exit(1)


def _claim_gpu(torch: Any) -> None:
    """Take the first GPU that no other worker of this user holds, for as long as this process lives."""
    import getpass
    import tempfile
    from pathlib import Path

    from filelock import FileLock, Timeout

    for index in range(torch.cuda.device_count()):
        lock = FileLock(Path(tempfile.gettempdir()) / f"ccbench-{getpass.getuser()}-gpu-{index}.lock")
        try:
            lock.acquire(timeout=0)
        except Timeout:
            continue
        globals()["_gpu_lock"] = lock  # held until the process ends
        torch.cuda.set_device(index)
        return
    torch.cuda.set_device(os.getpid() % torch.cuda.device_count())


def _limit_memory(size: int) -> None:
    """Turn running out of memory into MemoryError in this process instead of a machine that swaps."""
    try:
        import resource

        resource.setrlimit(resource.RLIMIT_DATA, (size, size))
    except (ImportError, ValueError, OSError):  # not every system has it
        return
