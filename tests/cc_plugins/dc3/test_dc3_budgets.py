import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cc_plugins.dc3.budgets import shares

SIZES = st.lists(st.integers(0, 30), min_size=1, max_size=12)


def in_turns(sizes, total):
    """One image at a time, to the bin that gave least; among equal ones to the largest, then the first."""
    given = [0] * len(sizes)
    for _ in range(total):
        able = [k for k in range(len(sizes)) if given[k] < sizes[k]]
        given[min(able, key=lambda k: (given[k], -sizes[k], k))] += 1
    return given


@pytest.mark.parametrize(
    ("sizes", "total", "expected"),
    [
        ([50] * 10, 10, [1] * 10),
        ([50] * 10, 50, [5] * 10),
        ([3, 9, 5], 1, [0, 1, 0]),  # IPC < K: the largest bins, one image each
        ([3, 9, 5], 2, [0, 1, 1]),
        ([3, 9, 5], 4, [1, 2, 1]),  # the remainder goes to the largest
        ([9, 9, 9], 5, [2, 2, 1]),  # equal bins: the first ones
        ([1, 20, 20], 10, [1, 5, 4]),  # what a small bin cannot give is shared
        ([1, 2, 3], 6, [1, 2, 3]),
        ([4], 3, [3]),
        ([4, 4], 0, [0, 0]),
    ],
)
def test_by_hand(sizes, total, expected):
    assert shares(np.array(sizes), total).tolist() == expected


@given(SIZES, st.data())
def test_as_one_image_at_a_time(sizes, data):
    total = data.draw(st.integers(0, sum(sizes)))
    found = shares(np.array(sizes), total)
    assert found.tolist() == in_turns(sizes, total)
    assert found.sum() == total
    assert (found <= sizes).all()


@pytest.mark.parametrize("total", [-1, 7])
def test_more_than_there_is(total):
    with pytest.raises(ValueError, match="of 6"):
        shares(np.array([2, 4]), total)
