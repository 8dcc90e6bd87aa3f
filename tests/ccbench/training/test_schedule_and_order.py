"""Learning rates against torch's own scheduler; the order of images by counting."""

from collections import Counter

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from ccbench.training.learning_rate import learning_rate, look_now
from ccbench.training.order import batches
from ccbench.training.protocols import Recipe

RDED = Recipe(
    architecture="x", batch=50, lr=0.001, epochs=300.0, epochs_of="budget", cosine_length=2.0, schedule_step="epoch"
)


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


def test_rdeds_rates_by_hand():
    """0.001 * (1 + cos(pi * e / 600)) / 2: whole at first, (2 + sqrt 2) / 4 half way, about half at the end."""
    total = RDED.steps(120)
    assert total == 900
    rates = [learning_rate(RDED, i, total) for i in range(total)]
    assert rates[:3] == [0.001] * 3  # one rate for the three updates of an epoch
    assert rates[450:453] == pytest.approx([0.001 * (2 + 2**0.5) / 4] * 3, rel=1e-12)
    assert rates[450] != rates[449]
    assert rates[897:] == pytest.approx([0.000502617982] * 3, rel=1e-8)  # cos(pi * 299 / 600) = 0.005235963831


def test_a_schedule_by_epochs_warms_up_by_epochs():
    recipe = Recipe(architecture="x", batch=1, lr=1.0, epochs=4.0, warmup=0.5, schedule_step="epoch", lr_min=0.5)
    rates = [learning_rate(recipe, i, 8) for i in range(8)]
    assert rates == pytest.approx([1 / 3, 1 / 3, 2 / 3, 2 / 3, 1.0, 1.0, 0.75, 0.75])


@given(n=st.integers(1, 130), batch=st.integers(1, 60), epochs=st.integers(1, 4))
@settings(max_examples=60, deadline=None)
def test_epochs_of_the_budget_are_a_loaders(n, batch, epochs):
    """As torch's DataLoader without drop_last: every image once an epoch, the last batch smaller."""
    per_epoch = -(-n // batch)
    order = list(batches(n, batch, epochs * per_epoch, torch.Generator().manual_seed(0), n))
    lengths = [len(part) for part in torch.utils.data.DataLoader(range(n), batch)]
    assert [sum(len(ids) for _, ids in pieces) for pieces in order] == lengths * epochs
    assert all(len(pieces) == 1 for pieces in order)
    for epoch in range(epochs):
        parts = order[epoch * per_epoch : (epoch + 1) * per_epoch]
        assert sorted(torch.cat([ids for ((_, ids),) in parts]).tolist()) == list(range(n))


def test_another_number_of_images_gets_the_same_batches():
    for n in (3, 7, 100):
        order = batches(n, 4, 6, torch.Generator(), 10)
        assert [sum(len(ids) for _, ids in pieces) for pieces in order] == [4, 4, 2, 4, 4, 2]


def test_looks_as_in_rded():
    """Epochs 9, 19, ... from 0, and only those above 0.8 * 300 = 240."""
    looking = Recipe(
        architecture="x",
        batch=50,
        lr=1.0,
        epochs=300.0,
        epochs_of="budget",
        evaluate_every_epochs=10,
        evaluate_from=0.8,
    )
    looks = [done for done in range(1, 901) if look_now(looking, done, 900)]
    assert looks == [3 * epochs for epochs in (250, 260, 270, 280, 290, 300)]
    assert not any(look_now(RDED, done, 900) for done in range(1, 901))
