"""The distance of statistics: zero for the training set itself, and gradients against finite differences."""

import numpy as np
import pytest
import torch
from torch import nn

from cc_plugins.architectures.convnet import ConvNet
from cc_plugins.decoupled.recover import adam, moved, shown
from cc_plugins.decoupled.statistics import Statistics, distance
from ccbench.archive import Channels
from ccbench.errors import UserError

SIDE = 8


def images(n, seed=0):
    return torch.randn(n, 3, SIDE, SIDE, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


def network(norm="batch"):
    torch.manual_seed(0)
    return ConvNet(classes=3, image_size=SIDE, width=4, depth=2, norm=norm).double().eval()


def that_knows(data):
    """A network whose layers keep the statistics of these images, layer after layer, as in eval mode."""
    net = network()

    def keep(layer, inputs):
        x = inputs[0]
        layer.running_mean.copy_(x.mean((0, 2, 3)))
        layer.running_var.copy_(x.var((0, 2, 3), unbiased=False))

    hooks = [m.register_forward_pre_hook(keep) for m in net.modules() if isinstance(m, nn.BatchNorm2d)]
    with torch.no_grad():
        net(data)
    for hook in hooks:
        hook.remove()
    return net


def test_the_training_set_itself_has_no_distance():
    data = images(40)
    watched = Statistics(that_knows(data), "net", first=10.0)
    logits, found = watched(data)
    assert logits.shape == (40, 3)
    assert found.item() == pytest.approx(0, abs=1e-12)
    assert watched(data[:10])[1].item() > 1e-2
    assert watched(data + 0.1)[1].item() > 1e-2


def test_it_is_the_sum_of_norms_with_the_first_layer_weighed():
    data, net = images(12), that_knows(images(40, 1))
    x, wanted = data, 0.0
    for number, stage in enumerate(net.stages):
        convolved = stage[0](x)
        flat = convolved.transpose(0, 1).flatten(1)
        mean = (flat.mean(1) - stage[1].running_mean).square().sum().sqrt()
        variance = ((flat - flat.mean(1, keepdim=True)).square().mean(1) - stage[1].running_var).square().sum().sqrt()
        wanted += (10.0 if number == 0 else 1.0) * (mean + variance).item()
        x = stage[1:](convolved)
    assert Statistics(net, "net", first=10.0)(data)[1].item() == pytest.approx(wanted, rel=1e-9)


def test_a_layer_of_vectors_is_matched_too():
    layer = nn.BatchNorm1d(5).double()
    values = torch.randn(30, 5, dtype=torch.float64)
    layer.running_mean.copy_(values.mean(0))
    layer.running_var.copy_(values.var(0, unbiased=False))
    assert distance(values, layer).item() == pytest.approx(0, abs=1e-12)


def test_gradients_are_finite_differences():
    watched, pictures = Statistics(that_knows(images(40)), "net", first=10.0), images(3, 5)

    def loss(x):
        rng = np.random.default_rng(3)
        logits, statistics = watched(moved(x, 2, True, rng))
        return nn.functional.cross_entropy(logits, torch.arange(3)) + 0.5 * statistics

    leaf = pictures.clone().requires_grad_()
    (found,) = torch.autograd.grad(loss(leaf), leaf)
    rng = np.random.default_rng(0)
    for _ in range(30):
        place = tuple(int(rng.integers(n)) for n in pictures.shape)
        ends = []
        for sign in (1, -1):
            other = pictures.clone()
            other[place] += sign * 1e-5
            ends.append(loss(other).item())
        assert found[place] == pytest.approx((ends[0] - ends[1]) / 2e-5, rel=1e-4, abs=1e-7)


def test_a_network_without_batch_normalisation_is_refused():
    with pytest.raises(UserError, match="keeps no statistics"):
        Statistics(network("instance"), "convnet")


def test_adam_is_torchs():
    pictures, other = images(4).float(), images(4).float()
    state = {"pictures": pictures.clone(), "mean": torch.zeros_like(pictures), "square": torch.zeros_like(pictures)}
    rows, leaf = torch.tensor([2, 0]), pictures[[2, 0]].clone().requires_grad_()
    optimizer = torch.optim.Adam([leaf], lr=0.1, betas=(0.5, 0.9))
    for number in range(1, 6):
        leaf.grad = other[[2, 0]] * number + leaf.detach()
        adam(state, rows, other[rows] * number + state["pictures"][rows], 0.1, number)
        optimizer.step()
    torch.testing.assert_close(state["pictures"][rows], leaf.detach())
    assert torch.equal(state["pictures"][[1, 3]], pictures[[1, 3]])


def test_rolling_moves_all_pixels_and_crops_look_at_a_part():
    pictures = images(2)
    for seed in range(20):
        rolled = moved(pictures, 2, False, np.random.default_rng(seed))
        assert torch.equal(rolled.flatten(1).sort().values, pictures.flatten(1).sort().values)
    assert torch.equal(moved(pictures, 0, False, np.random.default_rng(0)), pictures)
    cropped = moved(pictures, 0, True, np.random.default_rng(0))
    assert cropped.shape == pictures.shape
    assert not torch.equal(cropped, pictures)


def test_pictures_are_clipped_to_colours():
    space = Channels((0.5, 0.4, 0.3), (0.2, 0.25, 0.3))
    pixels = space.pixels(shown(9 * images(4), space))
    assert float(pixels.min()) >= -1e-3
    assert float(pixels.max()) <= 255.001
    inside = space.values(torch.full((1, 3, 2, 2), 77.0))
    torch.testing.assert_close(shown(inside, space), inside)
