"""What cannot take the data is skipped with its reason; faults stay failures; memory is told apart from both."""

import pickle

import pytest

from ccbench.errors import Unfit, UserError
from ccbench.executors.local import verdict


def test_unfit_is_a_skip_with_its_whole_reason():
    error = Unfit("images are too small", found="8x8 pixels", mend="--image-size 32")
    assert verdict(error) == ("skipped", "images are too small found: 8x8 pixels mend: --image-size 32")


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (UserError("no such file"), "failed"),
        (MemoryError(), "oom"),
        (ValueError("x"), "failed"),
        (Unfit("x"), "skipped"),
    ],
)
def test_statuses(error, status):
    assert verdict(error)[0] == status


def test_unfit_crosses_processes_as_what_it_is():
    error = pickle.loads(pickle.dumps(Unfit("a", found="b", mend="c")))
    assert isinstance(error, Unfit)
    assert str(error) == str(Unfit("a", found="b", mend="c"))
