"""CCS: the cut-off, the strata, the shares, and the rule for beta."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cc_plugins.coresets.ccs import published_beta, select, strata_of
from cc_plugins.submodular.shares import allocate


def rng(seed=0):
    return np.random.default_rng(seed)


def test_strata_by_hand():
    # five strata of width 2 over [0, 10], the upper end in the last
    assert strata_of(np.array([0, 1.9, 2, 5, 8, 9.9, 10]), 5).tolist() == [0, 0, 1, 2, 4, 4, 4]


def test_strata_of_negative_scores_keep_the_largest():
    """The released code's upper end, max * 1.0001, lies below a negative maximum."""
    assert strata_of(np.array([-3.0, -2, -1]), 2).tolist() == [0, 1, 1]


def test_equal_scores_are_one_stratum():
    assert strata_of(np.full(4, 7.0), 50).tolist() == [0, 0, 0, 0]


def test_allocation_by_hand():
    # 12 to give: the stratum of 1 gives 1 (share 3), then 3 of 2 gives 2, then 9 // 2 = 4, then the rest
    assert allocate(np.array([10, 1, 20, 2]), 12).tolist() == [4, 1, 5, 2]
    assert allocate(np.array([0, 3, 0]), 2).tolist() == [0, 2, 0]


@given(st.lists(st.integers(0, 30), min_size=1, max_size=50), st.data())
def test_allocation_is_exact(sizes, data):
    sizes = np.array(sizes)
    total = data.draw(st.integers(0, int(sizes.sum())))
    given_out = allocate(sizes, total)
    assert given_out.sum() == total
    assert (given_out >= 0).all()
    assert (given_out <= sizes).all()
    # a stratum that could give more never gives less than another, but for the rounding
    open_ones = given_out[given_out < sizes]
    if len(open_ones):
        assert open_ones.min() >= given_out.max() - 1


def test_select_by_hand():
    aum = np.array([0.0, -1, 5, 6, 7, 8, 9, 10])
    score = np.array([99.0, 99, 0, 0, 0, 0, 1, 1])
    # the cut-off takes images 0 and 1, although their score is the highest; strata {2,3,4,5} and {6,7}
    for seed in range(20):
        kept = select(aum, score, 4, beta=0.25, strata=2, rng=rng(seed)).tolist()
        assert kept[2:] == [6, 7]
        assert set(kept[:2]) <= {2, 3, 4, 5}


def test_within_a_stratum_every_image_has_the_same_chance():
    times = np.zeros(8)
    for seed in range(2000):
        times[select(np.arange(8.0), np.zeros(8), 2, beta=0, strata=50, rng=rng(seed))] += 1
    # 2000 draws of 2 in 8: mean 500, standard deviation 19.4
    assert np.abs(times - 500).max() < 5 * 19.4


SCORES = st.lists(st.tuples(st.integers(-5, 5), st.floats(-100, 100, width=32)), min_size=1, max_size=80)


@given(SCORES, st.floats(0, 0.99), st.integers(1, 60), st.integers(0, 1000), st.data())
def test_selection_holds_what_it_promises(images, beta, strata, seed, data):
    aum, score = (np.array(column, float) for column in zip(*images, strict=True))
    n = len(aum)
    count = data.draw(st.integers(1, n))
    kept = select(aum, score, count, beta=beta, strata=strata, rng=rng(seed))
    assert len(kept) == count
    assert (np.diff(kept) > 0).all()
    assert kept[0] >= 0
    assert kept[-1] < n
    hard = min(int(beta * n + 1e-9), n - count)
    # the hard ones are never kept; ties go to the lower id, which stays
    hardest = sorted(range(n), key=lambda i: (aum[i], -i))[:hard]
    assert not set(hardest) & set(kept.tolist())
    assert (select(aum, score, count, beta=beta, strata=strata, rng=rng(seed)) == kept).all()


def plain_select_sizes(aum, score, count, beta, strata):
    """The steps of the paper one by one, with lists: how many images each stratum gives."""
    hard = int(beta * len(aum))
    rest = sorted(range(len(aum)), key=lambda i: aum[i])[hard:]
    low, high = min(score[i] for i in rest), max(score[i] for i in rest)
    edges = [low + (high - low) * k / strata for k in range(strata + 1)]
    edges[-1] = math.inf
    bins = [[i for i in rest if edges[k] <= score[i] < edges[k + 1]] for k in range(strata)]
    left, todo, shares = count, sorted(range(strata), key=lambda k: len(bins[k])), {}
    while todo:
        k = todo[0]
        shares[k] = min(len(bins[k]), left // len(todo))
        left -= shares[k]
        todo = todo[1:]
    return bins, shares


def test_like_the_steps_one_by_one():
    generator = rng(3)
    aum, score = generator.normal(size=3000), generator.normal(size=3000)
    kept = set(select(aum, score, 250, beta=0.3, strata=50, rng=rng(1)).tolist())
    bins, shares = plain_select_sizes(aum.tolist(), score.tolist(), 250, 0.3, 50)
    assert {k: len(kept & set(members)) for k, members in enumerate(bins)} == shares


@pytest.mark.parametrize(("ratio", "classes", "beta"), [
    (0.3, 10, 0), (0.5, 10, 0), (0.7, 10, 0.1), (0.8, 10, 0.1), (0.9, 10, 0.3),
    (0.3, 100, 0.1), (0.5, 100, 0.2), (0.7, 100, 0.2), (0.8, 100, 0.4), (0.9, 100, 0.5),
    (0.85, 10, 0.2), (0.6, 10, 0.05), (0.96, 10, 0.3), (0.99, 100, 0.5),
    (0.1, 10, 0), (0.2, 100, 0.1), (0.05, 100, 0.05),
    (0.9, 20, 0.3), (0.9, 21, 0.5), (0.9, 999, 0.5), (0.8, 1000, 0.2), (0.85, 1000, 0.25), (0.95, 5000, 0.3),
    (0.4, 1000, 0.1),
])  # fmt: skip
def test_beta_between_and_beyond_the_published_ratios(ratio, classes, beta):
    assert published_beta(ratio, classes) == pytest.approx(beta)
