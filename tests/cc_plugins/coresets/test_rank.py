"""Ranking and shares per class."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from cc_plugins.coresets.rank import class_quotas, largest, largest_per_class


def test_largest_breaks_ties_by_position():
    assert largest(np.array([1.0, 3, 2, 3, 2, 2]), 4).tolist() == [1, 2, 3, 4]


def test_quotas_by_hand():
    labels = np.repeat([0, 1, 2], [5, 3, 2])
    # shares of 7: 3.5, 2.1, 1.4
    assert class_quotas(labels, 3, 7).tolist() == [4, 2, 1]
    # shares of 5: 2.5, 1.5, 1.0; the tie goes to the lower class
    assert class_quotas(labels, 3, 5).tolist() == [3, 1, 1]


def test_a_small_class_is_not_forgotten():
    labels = np.repeat([0, 1, 2], [97, 2, 1])
    assert class_quotas(labels, 3, 10).tolist() == [8, 1, 1]


def test_a_class_without_images_gets_none():
    assert class_quotas(np.array([0, 0, 2, 2]), 4, 2).tolist() == [1, 0, 1, 0]


@given(st.lists(st.integers(0, 6), min_size=1, max_size=60), st.data())
def test_quotas_add_up_and_fit(labels, data):
    labels = np.array(labels)
    total = data.draw(st.integers(0, len(labels)))
    sizes = np.bincount(labels, minlength=7)
    quotas = class_quotas(labels, 7, total)
    assert quotas.sum() == total
    assert (quotas >= 0).all()
    assert (quotas <= sizes).all()
    if total >= np.count_nonzero(sizes):
        assert (quotas[sizes > 0] >= 1).all()
    share = sizes * total / len(labels)
    if (share[sizes > 0] >= 1).all():
        assert (np.abs(quotas - share) < 1).all()


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
