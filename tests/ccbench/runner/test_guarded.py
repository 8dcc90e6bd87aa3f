"""Whatever an executor of a plugin does wrong ends in a message."""

import pytest

from ccbench.errors import UserError
from ccbench.executors import Finished, WorkItem
from ccbench.offers.expressions import Call
from ccbench.offers.specs import ExecutorSpec, Param
from ccbench.runner.guarded import Guarded

ENDED = Finished("x", "ok", value={})


class Odd:
    """An executor that does what it is told to do wrong; a fault is raised, anything else given back."""

    def __init__(self, jobs, memory_limit, threads, **wrong):
        self.wrong = wrong
        self.do("start", None)

    def do(self, what, right):
        given = self.wrong.get(what, right)
        if isinstance(given, BaseException):
            raise given
        return given

    @property
    def capacity(self):
        return self.do("capacity", 1)

    def submit(self, item):
        self.do("submit", None)

    def wait(self, seconds):
        return self.do("wait", [ENDED])

    def running(self):
        return self.do("running", ["x"])

    def close(self, *, cancel=False):
        self.do("close", None)


def once(**wrong):
    """One item's way through an executor."""
    params = tuple(Param(name=name, default="right", doc="x") for name in wrong)
    spec = ExecutorSpec(name="odd", target=f"{__name__}:Odd", version="1", summary="x", params=params)
    executor = Guarded(Call("odd", spec, tuple(wrong.items())), jobs=1, memory_limit=None, threads=1)
    room = executor.capacity
    executor.submit(WorkItem("x", "m:f"))
    running, ended = executor.running(), executor.wait(0)
    executor.close(cancel=True)
    return room, running, ended


def test_an_executor_that_works_is_left_alone():
    assert once() == (1, ["x"], [ENDED])


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"start": ValueError("no queue")}, "executor odd.* does not start"),
        ({"submit": RuntimeError("no queue")}, "RuntimeError: no queue"),
        ({"running": KeyError("x")}, "executor odd.* failed"),
        ({"running": None}, "TypeError"),
        ({"close": OSError("gone")}, "OSError: gone"),
        ({"wait": None}, "TypeError"),
        ({"capacity": 0}, "its capacity is a whole number above 0"),
        ({"capacity": None}, "its capacity is a whole number above 0"),
        ({"wait": ["x"]}, "wait.. gives Finished"),
        ({"wait": [Finished("x", "failed", reason=None)]}, "wait.. gives Finished"),
        ({"wait": [Finished("y", "ok")]}, "an item ended that was not at work"),
        ({"wait": [ENDED, ENDED]}, "an item ended that was not at work"),
        ({"wait": [Finished("x", "done")]}, "an item ends with one of ok"),
    ],
    ids=str,
)
def test_what_an_executor_does_wrong_is_said(wrong, message):
    with pytest.raises(UserError, match=message) as caught:
        once(**wrong)
    assert "--executor local" in caught.value.mend


def test_an_interruption_goes_through():
    with pytest.raises(KeyboardInterrupt):
        once(wait=KeyboardInterrupt())
