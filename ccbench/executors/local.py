"""A process of its own for every item: a hard limit from its start on, a clean kill, nothing left for the next."""

from __future__ import annotations

import importlib
import json
import os
import signal
import sys
import threading
import time
import traceback
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from multiprocessing import connection, forkserver, get_context, resource_tracker
from multiprocessing.context import BaseContext
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

from ccbench.errors import MethodError, Skipped, Unfit, UserError, short_of_memory
from ccbench.executors import Finished, WorkItem, sealing
from ccbench.machine import POOLS, share_of_memory, threads_for, use_threads
from ccbench.offers.faults import said

_MOST = 1 << 20  # bytes that an item gives back, at most
_ENDING = 2.0  # seconds that a process has to end after it gave its result back


@dataclass
class _AtWork:
    item: WorkItem
    process: BaseProcess | sealing.SealedProcess
    pipe: connection.Connection
    until: float  # time.monotonic(), or infinity


class LocalExecutor:
    """Up to ``jobs`` processes at a time, a new one for each item.

    On Linux they are forked from a process that imported the large libraries once and ran nothing, elsewhere spawned.
    An item with a seal has a new Python in namespaces of its own, see :mod:`ccbench.executors.sealing`.

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
        self._waiting: deque[WorkItem] = deque()
        self._at_work: dict[connection.Connection, _AtWork] = {}
        self._unstarted: list[Finished] = []

    def submit(self, item: WorkItem) -> None:
        """Start an item, or queue it."""
        self._waiting.append(item)
        self._fill()

    def wait(self, seconds: float) -> list[Finished]:
        """Items that have ended since the last call."""
        if not self._at_work and not self._unstarted:
            time.sleep(seconds)
            return []
        now = time.monotonic()
        nearest = min((one.until - now for one in self._at_work.values()), default=0.0)
        patience = 0.0 if self._unstarted else max(0.0, min(seconds, nearest))
        ready = {*connection.wait([*self._at_work], timeout=patience)}
        now = time.monotonic()
        ended, self._unstarted = self._unstarted, []
        for one in [*self._at_work.values()]:
            if one.pipe in ready or one.until <= now:
                ended.append(self._ended(one, one.pipe in ready))
        self._fill()
        return ended

    def running(self) -> list[str]:
        """Ids of the items in a process now."""
        return [one.item.id for one in self._at_work.values()]

    def close(self, *, cancel: bool = False) -> None:
        """End the processes; without ``cancel`` what is at work is waited for, and its results are lost."""
        while not cancel and self._at_work:
            self.wait(1.0)
        self._waiting.clear()
        for one in [*self._at_work.values()]:
            self._let_go(one, 0.0)

    def _fill(self) -> None:
        while self._waiting and len(self._at_work) < self.capacity:
            item = self._waiting.popleft()
            try:
                with _uninterrupted():
                    self._start(item)
            except OSError as error:  # no process or file handle to be had
                self._unstarted.append(Finished(item.id, "failed", f"no process could be started for it: {error}"))

    def _start(self, item: WorkItem) -> None:
        until = time.monotonic() + (item.timeout if item.timeout is not None else float("inf"))
        hidden = {} if item.gpu else dict.fromkeys(("CUDA_VISIBLE_DEVICES", "HIP_VISIBLE_DEVICES"), "")
        worker = _Worker(
            {**os.environ, **hidden},
            str(Path.cwd()),
            self._threads,
            self._limit or share_of_memory(1 if item.fresh else self.capacity),
        )
        process: BaseProcess | sealing.SealedProcess
        mine, theirs = connection.Pipe()
        try:
            if item.seal:
                process = sealing.SealedProcess(item.seal, theirs)
                mine.send_bytes(sealing.told(worker, item.function, dict(item.payload)))
            else:
                arguments = (theirs, worker, item.function, dict(item.payload))
                started = _context(item.warm).Process(target=_live, args=arguments, daemon=True)  # type: ignore[attr-defined]
                with _main_hidden():
                    started.start()
                process = started
        except BaseException:
            mine.close()
            raise
        finally:
            theirs.close()
        self._at_work[mine] = _AtWork(item, process, mine, until)

    def _ended(self, one: _AtWork, ready: bool) -> Finished:
        """What became of an item that said something, died, or used up its time."""
        item = one.item
        if not ready:
            self._let_go(one, 0.0)
            return Finished(item.id, "timeout", f"killed after its limit of {item.timeout:g} s{_while(item)}")
        try:
            status, reason, value, log = json.loads(one.pipe.recv_bytes(_MOST))
        except (EOFError, OSError):
            self._let_go(one, _ENDING)
            return Finished(item.id, *_died(one.process.exitcode, _while(item)))
        except ValueError as error:
            self._let_go(one, 0.0)
            return Finished(item.id, "failed", f"what it gave back cannot be read: {error}")
        self._let_go(one, _ENDING)
        return Finished(item.id, status, reason, value, log)

    def _let_go(self, one: _AtWork, patience: float) -> None:
        """End a process and all that it started."""
        del self._at_work[one.pipe]
        one.process.join(patience)
        if os.name == "posix" and one.process.pid is not None:
            with suppress(OSError):  # it leads a group of its own, as soon as it has come so far
                os.killpg(one.process.pid, signal.SIGKILL)
        if one.process.exitcode is None:
            one.process.kill()
            one.process.join()
        one.pipe.close()


def _while(item: WorkItem) -> str:
    return f" while {item.what}" if item.what else ""


def _died(code: int | None, what: str) -> tuple[str, str]:
    if code == -9:
        return "oom", "its process was killed (SIGKILL), as the system does when memory runs out"
    return "failed", f"its process ended with exit code {code}{what}"


def _context(warm: str) -> BaseContext:
    """How processes start here; the first of a fork server's says what all later ones find imported."""
    if sys.platform != "linux":  # elsewhere system libraries start threads of their own, which no fork survives
        return get_context("spawn")
    context = get_context("forkserver")
    context.set_forkserver_preload([warm] if warm else [])
    resource_tracker.ensure_running()  # first: starting it lets SIGINT through again
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})  # Ctrl-C is no business of the server's
    pools = {name: os.environ.get(name) for name in POOLS}
    try:
        os.environ.update(dict.fromkeys(POOLS, "1"))  # nor are threads: what it forks makes its own
        forkserver.ensure_running()
    finally:
        for name, value in pools.items():
            os.environ.pop(name, None)
            os.environ.update({} if value is None else {name: value})
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
    return context


@contextmanager
def _uninterrupted() -> Iterator[None]:
    """Ctrl-C waits until a process is there to be ended: one that is told half of its start prints a traceback."""
    if threading.current_thread() is not threading.main_thread() or signal.getsignal(signal.SIGINT) is None:
        yield  # other threads never see it, and a handler that is not Python's could not be put back
        return
    came: list[int] = []
    before = signal.signal(signal.SIGINT, lambda number, _: came.append(number))
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
        for number in came[:1]:
            signal.raise_signal(number)


_STARTING = threading.Lock()


@contextmanager
def _main_hidden() -> Iterator[None]:
    """Start a process that does not run the caller's main script again.

    multiprocessing would, so that a script without ``if __name__ == "__main__"`` or one read from
    standard input could not call :func:`ccbench.run`. Work items name their module, so no worker needs it.
    """
    with _STARTING:
        main: dict[str, Any] = vars(sys.modules["__main__"])
        hidden: dict[str, Any] = {name: main[name] for name in ("__file__", "__spec__") if name in main}
        main.pop("__file__", None)
        main["__spec__"] = None
        try:
            yield
        finally:
            del main["__spec__"]
            main.update(hidden)


@dataclass(frozen=True)
class _Worker:
    """What a process is told beside its item.

    Attributes:
        environment, folder: the parent's; a fork server has those of its own start.
        threads: of every pool.
        memory: bytes, or None.
    """

    environment: dict[str, str]
    folder: str
    threads: int
    memory: int | None


def sealed(handle: int) -> None:
    """The whole life of a sealed process, whose end of the pipe is ``handle``."""
    pipe = connection.Connection(handle)
    worker, function, payload = json.loads(pipe.recv_bytes())
    _live(pipe, _Worker(**worker), function, payload)


def _live(pipe: connection.Connection, worker: _Worker, function: str, payload: dict[str, Any]) -> None:
    """The whole life of a process."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's to handle
    if os.name == "posix":
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})  # as the fork server has it
        os.setsid()  # so that whatever it starts ends with it
    os.environ.clear()
    os.environ.update(worker.environment)
    os.chdir(worker.folder)
    threading.Thread(target=_die_with, args=(pipe,), daemon=True).start()
    use_threads(worker.threads)
    try:
        import torch
    except BaseException as error:  # whatever it is, the parent prints nothing but what it is told
        pipe.send_bytes(_as_text(*verdict(error), None, traceback.format_exc()))
        return
    if torch.cuda.is_available():
        _claim_gpu(torch)
    elif worker.memory is not None:
        _limit_memory(worker.memory)
    pipe.send_bytes(_as_text(*_call(function, payload)))


def _as_text(status: str, reason: str, value: Any, log: str) -> bytes:
    """What goes back: JSON, since unpickling would run what a plugin's objects ask for."""
    try:
        text = json.dumps([status, reason, value, log]).encode()
    except (TypeError, ValueError, RecursionError) as error:
        text = json.dumps(["failed", f"what it gave back cannot travel: {said(error)}", None, log]).encode()
    if len(text) <= _MOST:
        return text
    half = _MOST // 16
    what = reason if status != "ok" else f"it gave back {len(text):,} bytes, and {_MOST:,} are the most"
    return json.dumps(["failed" if status == "ok" else status, what[:half], None, log[:half] + log[-half:]]).encode()


def _call(function: str, payload: dict[str, Any]) -> tuple[str, str, Any, str]:
    """Run an item; whatever it raises becomes a status."""
    module, _, name = function.partition(":")
    try:
        return "ok", "", getattr(importlib.import_module(module), name)(**payload), ""
    except BaseException as error:  # nobody else is there to whom KeyboardInterrupt or exit() could be meant
        return (*verdict(error), None, traceback.format_exc())


def verdict(error: BaseException) -> tuple[str, str]:
    """The status and the reason of what was raised."""
    text = " ".join(str(error).split())
    out_of_memory = getattr(sys.modules.get("torch"), "OutOfMemoryError", MemoryError)
    if short_of_memory(error) or isinstance(error, out_of_memory):
        where = "libraries cannot be loaded: " if isinstance(error, ImportError) else ""
        return "oom", where + (text[-300:] or "out of memory")
    if isinstance(error, Unfit | Skipped):
        return "skipped", text
    if isinstance(error, UserError | MethodError):
        return "failed", text
    return "failed", said(error)


def _die_with(pipe: connection.Connection) -> None:
    """A worker whose parent was killed must not go on writing: the other end, which says nothing, is closed then."""
    with suppress(OSError):
        connection.wait([pipe])
    os._exit(1)


def _claim_gpu(torch: Any) -> None:
    """Take the first GPU that no other worker of this user holds, for as long as this process lives."""
    from filelock import FileLock, Timeout

    for index in range(torch.cuda.device_count()):
        lock = FileLock(sealing.lock_of(index))
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
