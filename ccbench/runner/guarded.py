"""An executor under guard: what a plugin's executor raises or gives back wrongly ends the run with a message."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from ccbench.errors import UserError
from ccbench.executors import Executor, Finished, WorkItem
from ccbench.offers.expressions import Call
from ccbench.offers.faults import said
from ccbench.records.record import STATUSES

_MEND = "--executor local, or ccbench plugins to see where it comes from"


class Guarded:
    """An executor that has started.

    Args:
        call: the executor that was asked for.
        jobs, memory_limit, threads: see :class:`ccbench.executors.Executor`.

    Raises:
        UserError: its plugin fails, now or in any method.
    """

    def __init__(self, call: Call, *, jobs: int, memory_limit: int | None, threads: int) -> None:
        self._call, self._out = call, set[str]()
        with self._guard("does not start"):
            self._inner: Executor = call.build(jobs=jobs, memory_limit=memory_limit, threads=threads)

    @property
    def capacity(self) -> int:
        """How many items can run at the same time, >= 1."""
        with self._guard():
            capacity = self._inner.capacity
        if not isinstance(capacity, int) or capacity < 1:
            raise self._fault("its capacity is a whole number above 0", capacity)
        return capacity

    def submit(self, item: WorkItem) -> None:
        """Start an item, or queue it."""
        self._out.add(item.id)
        with self._guard():
            self._inner.submit(item)

    def wait(self, seconds: float) -> list[Finished]:
        """Items that have ended since the last call."""
        with self._guard():
            ended = list(self._inner.wait(seconds))
        for one in ended:
            if not isinstance(one, Finished) or not isinstance(one.reason, str) or not isinstance(one.log, str):
                raise self._fault("wait() gives Finished, with texts as reason and log", one)
            if one.id not in self._out:
                raise self._fault("an item ended that was not at work", one.id)
            if one.status not in STATUSES:
                raise self._fault(f"an item ends with one of {', '.join(STATUSES)}", one.status)
            self._out.remove(one.id)
        return ended

    def running(self) -> list[str]:
        """Ids of the items that are being worked on now."""
        with self._guard():
            return list(self._inner.running())

    def close(self, *, cancel: bool = False) -> None:
        """Give everything back."""
        with self._guard():
            self._inner.close(cancel=cancel)

    @contextmanager
    def _guard(self, what: str = "failed") -> Iterator[None]:
        try:
            yield
        except UserError:
            raise
        except Exception as error:
            raise UserError(f"executor {self._call.label} {what}", found=said(error), mend=_MEND) from error

    def _fault(self, rule: str, found: object) -> UserError:
        return UserError(f"executor {self._call.label} breaks a rule: {rule}", found=f"{found!r:.200}", mend=_MEND)
