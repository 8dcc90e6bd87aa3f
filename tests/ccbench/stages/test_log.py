"""The log of a proxy training: what it holds, and how seldom it is written."""

import numpy as np
import pytest
import torch

from ccbench.stages import dynamics
from ccbench.stages.dynamics import Log

N, CLASSES = 30, 3


def shown(batches):
    """(epoch, ids, logits) of batches of ten."""
    generator = torch.Generator().manual_seed(0)
    for number in range(batches):
        ids = torch.randperm(N, generator=generator)[:10]
        yield number // 3, ids, torch.randn(10, CLASSES, generator=generator) * 1e5


@pytest.mark.parametrize("batches", [1, dynamics.LOGGED, dynamics.LOGGED + 2, 2 * dynamics.LOGGED])
def test_a_log_holds_every_batch(tmp_path, batches):
    log = Log(tmp_path, rows=10 * batches, n=N, classes=CLASSES)
    for epoch, ids, logits in shown(batches):
        log.update(epoch, ids, logits, ids)
    log.close()
    logits, ids, steps = (np.load(tmp_path / f"log-{name}.npy") for name in ("logits", "ids", "steps"))
    told = [*shown(batches)]
    assert np.array_equal(ids, torch.cat([i for _, i, _ in told]))
    expected = torch.cat([values for _, _, values in told]).clamp(-65504, 65504).half().numpy()
    assert np.array_equal(logits, expected)
    assert np.isfinite(logits).all()
    assert steps.tolist() == [[epoch, 10] for epoch, _, _ in told]


def test_the_device_is_read_once_in_many_batches(tmp_path):
    log = Log(tmp_path, rows=10 * dynamics.LOGGED, n=N, classes=CLASSES)
    written = []
    for epoch, ids, logits in shown(dynamics.LOGGED):
        log.update(epoch, ids, logits, ids)
        written.append(bool(np.any(log._logits)))
    assert written == [False] * (dynamics.LOGGED - 1) + [True]
