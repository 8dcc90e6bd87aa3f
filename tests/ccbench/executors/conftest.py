"""The process that items are forked from has imported what takes seconds, as that of a run has."""

import sys

import pytest

from ccbench.executors import HEAVY
from ccbench.executors.local import _context


@pytest.fixture(scope="session", autouse=True)
def _warm():
    if sys.platform == "linux":
        _context(HEAVY)
