"""Learning rates against torch's own scheduler; the order of images by counting."""

from collections import Counter

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from ccbench.training.order import batches
from ccbench.training.protocols import Recipe
from ccbench.training.schedule import learning_rate


def test_cosine_equals_torchs():
    recipe = Recipe(architecture="x", batch=1, lr=0.1, lr_min=1e-4, iterations=40)
    parameter = torch.nn.Parameter(torch.zeros(1))
    optimizer = torch.optim.SGD([parameter], lr=0.1)
    scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=40, eta_min=1e-4)
    for i in range(40):
        assert learning_rate(recipe, i, 40) == pytest.approx(optimizer.param_groups[0]["lr"], rel=1e-9)
        optimizer.step()
        scheduler.step()


def test_warmup_by_hand():
    recipe = Recipe(architecture="x", batch=1, lr=1.0, warmup=0.4, schedule="constant", iterations=10)
    assert [learning_rate(recipe, i, 10) for i in range(6)] == pytest.approx([0.2, 0.4, 0.6, 0.8, 1.0, 1.0])


@given(n=st.integers(1, 40), batch=st.integers(1, 90), iterations=st.integers(1, 12), seed=st.integers(0, 9))
@settings(max_examples=60, deadline=None)
def test_every_epoch_has_every_image_once(n, batch, iterations, seed):
    seen, whole = {}, 0
    for pieces in batches(n, batch, iterations, torch.Generator().manual_seed(seed)):
        assert sum(len(ids) for _, ids in pieces) == batch
        for epoch, ids in pieces:
            seen.setdefault(epoch, []).extend(ids.tolist())
    for epoch in sorted(seen)[:-1]:
        assert Counter(seen[epoch]) == Counter(range(n))
        whole += 1
    last = seen[max(seen)]
    assert len(set(last)) == len(last)
    assert whole * n + len(last) == batch * iterations
