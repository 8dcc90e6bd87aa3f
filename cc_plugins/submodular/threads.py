"""One thread for linear algebra: sums are then added in one order on every machine, and small products never wait."""

from __future__ import annotations

import sys
from contextlib import AbstractContextManager
from functools import cache

import scipy.linalg  # noqa: F401 - its thread pool must be there when pools are looked for
from threadpoolctl import ThreadpoolController


def one_thread() -> AbstractContextManager[object]:
    """A context in which NumPy's, SciPy's and scikit-learn's pools have one thread; everything is put back after it."""
    return _controller("sklearn.cluster" in sys.modules).limit(limits=1)


@cache
def _controller(clustering: bool) -> ThreadpoolController:
    """Looking for pools takes milliseconds, limiting them microseconds; scikit-learn brings one that comes later."""
    return ThreadpoolController()
