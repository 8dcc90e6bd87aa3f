import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cc_plugins.dc3.bins import cluster
from ccbench.errors import UserError


def test_clouds_far_apart_are_the_bins():
    rng = np.random.default_rng(0)
    own = rng.permutation(np.repeat([0, 1, 2], [7, 20, 12]))
    rows = rng.normal(0, 0.1, (39, 5)) + 10.0 * np.eye(5)[own]
    found = cluster(rows.astype(np.float32), 3, seed=1)
    assert [b.tolist() for b in found] == [np.flatnonzero(own == k).tolist() for k in (1, 2, 0)]


@given(st.integers(1, 40), st.integers(1, 12), st.integers(0, 2**32 - 1))
@settings(max_examples=30)
def test_every_image_is_in_one_bin(n, bins, seed):
    rows = np.random.default_rng(seed).normal(size=(n, 3))
    found = cluster(rows, bins, seed)
    assert sorted(np.concatenate(found).tolist()) == list(range(n))
    assert len(found) <= min(bins, n)
    sizes = [len(b) for b in found]
    assert min(sizes) > 0
    assert sizes == sorted(sizes, reverse=True)
    assert [b.tolist() for b in found] == [b.tolist() for b in cluster(rows, bins, seed)]


def test_fewer_images_or_fewer_that_differ_give_fewer_bins():
    assert [b.tolist() for b in cluster(np.arange(4.0)[:, None] * 9, 10, 0)] == [[0], [1], [2], [3]]
    assert [b.tolist() for b in cluster(np.array([[1.0]] * 5 + [[2.0]] * 3), 10, 0)] == [[0, 1, 2, 3, 4], [5, 6, 7]]


def test_one_bin_looks_at_no_feature():
    assert cluster(np.full((3, 2), np.nan), 1, 0)[0].tolist() == [0, 1, 2]


def test_features_that_are_not_finite():
    rows = np.ones((6, 2))
    rows[2, 1] = np.inf
    with pytest.raises(UserError, match="1 of 6 images"):
        cluster(rows, 3, 0)
