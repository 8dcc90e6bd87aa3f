"""A batch that counts twice is a batch that was shown twice."""

import copy

import pytest
import torch

from ccbench.training.batchnorm import counted


def network():
    torch.manual_seed(0)
    return torch.nn.Sequential(
        torch.nn.Conv2d(3, 4, 3),
        torch.nn.BatchNorm2d(4),
        torch.nn.ReLU(),
        torch.nn.Conv2d(4, 5, 3),
        torch.nn.BatchNorm2d(5, momentum=0.3),
        torch.nn.BatchNorm2d(5, momentum=None),
    ).train()


@pytest.mark.parametrize("times", [1, 2, 3])
def test_statistics_are_those_of_so_many_passes(times):
    once, often = network(), network()
    generator = torch.Generator().manual_seed(1)
    for _ in range(4):
        images = torch.randn(8, 3, 9, 9, generator=generator) * 3 + 1
        with counted(once, times):
            out = once(images)
        for _ in range(times):
            expected = often(images)
        torch.testing.assert_close(out, expected)
    for ours, theirs in zip(once.modules(), often.modules(), strict=True):
        if isinstance(ours, torch.nn.BatchNorm2d):
            torch.testing.assert_close(ours.running_mean, theirs.running_mean)
            torch.testing.assert_close(ours.running_var, theirs.running_var)
    if times == 2:  # by hand: 0.9 * 0.9 of what was there, so momentum 0.19
        with counted(once, 2):
            assert once[1].momentum == pytest.approx(0.19)


def test_momenta_are_put_back_whatever_happens():
    one = network()
    before = copy.deepcopy([getattr(m, "momentum", None) for m in one])
    with pytest.raises(RuntimeError, match="no"), counted(one, 2):
        raise RuntimeError("no")
    assert [getattr(m, "momentum", None) for m in one] == before
