"""D2 pruning against a loop over the whole matrix, and on tasks whose scores and features are known."""

import numpy as np
import pytest

from cc_plugins.coresets.d2_pruning import choose, spread
from tests.cc_plugins.coresets.test_methods import Scored, build, task


class Placed(Scored):
    """Images of known scores at known places."""

    def stage(self, name, **params):
        """The places stand for the classifier's input."""
        if name == "last-layer":
            return {"features": self.known["places"], "logits": np.zeros((len(self.ids), 3))}
        return super().stage(name, **params)


def placed(tmp_path, kept):
    job = task(tmp_path, kept)
    places = np.random.default_rng(0).normal(size=(60, 2))
    return Placed(bench=job.bench, dataset=job.dataset, budget=job.budget, ids=job.ids,
                  known=job.known | {"places": places})  # fmt: skip


def slow(difficulty, places, k, gamma, count):
    """Every distance, and every value looked at in every round."""
    n = len(places)
    distance = np.linalg.norm(places[:, None] - places[None], axis=2)
    near = [[j for j in np.argsort(distance[i], kind="stable") if j != i][:k] for i in range(n)]
    values = [difficulty[i] + sum(np.exp(-distance[i, j]) * difficulty[j] for j in near[i]) for i in range(n)]
    chosen = []
    for _ in range(count):
        best = max((i for i in range(n) if i not in chosen), key=lambda i: (values[i], -i))
        chosen.append(best)
        for j in near[best]:
            if j not in chosen:
                values[j] -= np.exp(-gamma * distance[best, j]) * values[best]
    return sorted(chosen)


@pytest.mark.parametrize("gamma", [0.0, 0.1, 1.0])
@pytest.mark.parametrize("kept", ["1/20", "1/3", "1"])
def test_like_a_loop_over_all_pairs(tmp_path, kept, gamma):
    job = placed(tmp_path, kept)
    hard = job.known["el2n"].astype(np.float64)
    hard = (hard - hard.min()) / (hard.max() - hard.min())
    expected = slow(hard, job.known["places"], 5, gamma, job.images)
    assert build("d2-pruning", score="el2n", gamma=gamma, beta=0.0).compress(job).ids.tolist() == expected


def test_by_hand():
    # 0 and 1 stand together and are hard; 2 is far away and easy
    near, far = np.array([[1], [0], [1]]), np.array([[0.0], [0.0], [9.0]])
    values = spread(np.array([1.0, 0.9, 0.3]), near, far)
    np.testing.assert_allclose(values, [1.9, 1.9, 0.3 + 0.9 * np.exp(-9)])
    one = {"groups": np.zeros(3, np.int64), "quotas": np.array([2])}
    assert choose(values, near, far, gamma=0.1, **one).tolist() == [0, 2]  # 0 has taken all of 1's value
    apart = np.full((3, 1), 50.0)
    assert choose(np.array([1.0, 0.9, 0.3]), near, apart, gamma=1.0, **one).tolist() == [0, 1]


def test_the_hardest_are_dropped_as_in_ccs(tmp_path):
    job = placed(tmp_path, "1/10")
    hardest = set(np.argsort(job.known["aum"])[:18].tolist())
    assert not hardest & set(build("d2-pruning").compress(job).ids.tolist())
    assert hardest & set(build("d2-pruning", beta=0.0, score="aum").compress(job).ids.tolist())
    assert len(build("d2-pruning", beta=0.95).compress(job)) == 6


@pytest.mark.parametrize("kept", ["1/20", "1/4", "1"])
def test_shares(tmp_path, kept):
    job = placed(tmp_path, kept)
    made = build("d2-pruning", balanced=True, beta=0.0).compress(job)
    assert np.bincount(made.labels).tolist() == [job.images // 3] * 3
    assert build("d2-pruning", n_neighbor=500).compress(job).ids.shape == (job.images,)


def test_equal_scores_choose_by_place_alone(tmp_path):
    job = placed(tmp_path, "1/4")
    job.known["forgetting"][:] = 2
    assert len(build("d2-pruning").compress(job)) == 15
