"""Ranking and shares per class."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from cc_plugins.coresets._rank import largest, largest_per_class
from cc_plugins.submodular.shares import allocate


def test_largest_breaks_ties_by_position():
    assert largest(np.array([1.0, 3, 2, 3, 2, 2]), 4).tolist() == [1, 2, 3, 4]


def test_shares_by_hand():
    assert allocate(np.array([20, 20, 2]), 15).tolist() == [6, 7, 2]  # --ipc 5
    assert allocate(np.array([5, 3, 2]), 7).tolist() == [3, 2, 2]
    assert allocate(np.array([97, 2, 1]), 10).tolist() == [7, 2, 1]
    assert allocate(np.array([4, 4, 4]), 7).tolist() == [2, 2, 3]
    assert allocate(np.array([2, 0, 2, 0]), 2).tolist() == [1, 0, 1, 0]


@given(st.lists(st.integers(0, 30), min_size=1, max_size=7), st.data())
def test_shares_add_up_fit_and_are_equal(sizes, data):
    sizes = np.array(sizes)
    total = data.draw(st.integers(0, int(sizes.sum())))
    given_ = allocate(sizes, total)
    assert given_.sum() == total
    assert (given_ >= 0).all()
    assert (given_ <= sizes).all()
    most = given_.max()
    assert ((given_ >= most - 1) | (given_ == sizes)).all()  # a class with less has no more to give


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 5)), min_size=1, max_size=40), st.data())
def test_per_class_selection_is_the_top_of_each_class(images, data):
    labels, values = (np.array(column) for column in zip(*images, strict=True))
    count = data.draw(st.integers(0, len(labels)))
    kept = largest_per_class(values.astype(float), labels, 4, count)
    assert len(np.unique(kept)) == len(kept) == count
    out = np.setdiff1d(np.arange(len(labels)), kept)
    for c in range(4):
        inside, outside = values[kept[labels[kept] == c]], values[out[labels[out] == c]]
        assert not len(inside) or not len(outside) or inside.min() >= outside.max()
