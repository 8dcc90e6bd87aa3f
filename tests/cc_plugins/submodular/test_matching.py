"""The two ways of a pursuit: inner products held, and made anew for every fit."""

import numpy as np
import pytest

from cc_plugins.submodular import matching
from cc_plugins.submodular.gradients import Gradients, cross_entropy_errors
from cc_plugins.submodular.matching import match, mean_gradient


@pytest.mark.parametrize("ridge_first", [True, False])
@pytest.mark.parametrize(("n", "classes", "budget"), [(200, 10, 60), (90, 3, 90), (1, 2, 1)])
def test_held_inner_products_change_no_pick(n, classes, budget, ridge_first, monkeypatch):
    rng = np.random.default_rng(n)
    labels = rng.integers(0, classes, n)
    given = Gradients(cross_entropy_errors(rng.normal(0, 2, (n, classes)), labels), rng.normal(size=(n, 24)))
    made = {}
    for held in (0, 1 << 28):
        monkeypatch.setattr(matching, "HELD", held)
        made[held] = match(given, mean_gradient(given), budget, 0.5, ridge_first=ridge_first).tolist()
    assert made[0] == made[1 << 28]
    assert sorted(set(made[0])) == sorted(made[0])
