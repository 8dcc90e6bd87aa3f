"""The gradients that pictures follow: against finite differences, and a loop over classes as it was released."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from cc_plugins.architectures.convnet import ConvNet
from cc_plugins.distill import _attention, _distribution, _gradient
from cc_plugins.distill._networks import Features
from ccbench.training.siamese import NAMES, draw

SIDE, CLASSES, POWER = 8, 3, 2.0


def network(seed=0):
    torch.manual_seed(seed)
    return ConvNet(classes=CLASSES, image_size=SIDE, width=4, depth=2, norm="instance").double()


def images(n, seed=1):
    return torch.randn(n, 3, SIDE, SIDE, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


def views(seed, names=NAMES):
    rng = np.random.default_rng(seed)
    return [draw(names, (SIDE, SIDE), rng) for _ in range(CLASSES)]


def weights_of(net):
    return {name: value.detach() for name, value in net.named_parameters()}


def embedded(net, x):
    for stage in net.stages:
        x = stage(x)
    return x.flatten(1)


def released_dm(net, pictures, real, ipc, seen):
    """One class after the other, as the released code of DM adds its loss up."""
    total = torch.zeros((), dtype=torch.float64)
    for c in range(CLASSES):
        one = embedded(net, seen[c](pictures[c * ipc : (c + 1) * ipc])).mean(0)
        total = total + ((embedded(net, seen[c](real[c])).mean(0).detach() - one) ** 2).sum()
    return total


def released_datadam(net, pictures, real, ipc, seen):
    """One class after the other: attention of the blocks before the last, and the mean output of the last."""
    total = torch.zeros((), dtype=torch.float64)
    for c in range(CLASSES):
        given = []
        for x in (seen[c](real[c]), seen[c](pictures[c * ipc : (c + 1) * ipc])):
            means = []
            for number, stage in enumerate(net.stages):
                x = stage[:3](x)  # as far as its ReLU; pooling comes after
                if number < len(net.stages) - 1:
                    strong = (x**POWER).sum(1).reshape(len(x), -1)
                    means.append((strong / strong.norm(dim=1, keepdim=True)).mean(0))
                x = stage[3](x)
            given.append([*means, x.reshape(len(x), -1).mean(0)])
        *maps, last = (((a.detach() - b) ** 2).sum() for a, b in zip(*given, strict=True))
        total = total + 100 * (sum(maps) + 0.01 * last)
    return total


def released_dc(net, pictures, real, ipc, seen):
    """One class after the other, one backward pass each, as the released code of DC and DSA does."""
    parameters, total = list(net.parameters()), torch.zeros((), dtype=torch.float64)
    for c in range(CLASSES):
        given = []
        for batch, graph in ((real[c], False), (pictures[c * ipc : (c + 1) * ipc], True)):
            error = F.cross_entropy(net(seen[c](batch)), torch.full((len(batch),), c))
            given.append(torch.autograd.grad(error, parameters, create_graph=graph))
        for wanted, found in zip(*given, strict=True):
            if wanted.ndim == 1:
                continue
            a, b = wanted.reshape(len(wanted), -1), found.reshape(len(found), -1)
            total = total + (1 - (a * b).sum(-1) / (a.norm(dim=-1) * b.norm(dim=-1) + 1e-6)).sum()
    return total


def ours_dm(net, pictures, real, seen):
    features = Features(net)
    targets = torch.stack([_distribution.mean_features(features, v(r)) for v, r in zip(seen, real, strict=True)])
    return _distribution.gradient(features, pictures, targets, seen)


def ours_datadam(net, pictures, real, seen):
    features = _attention.Attention(net, 0.01, POWER)
    targets = torch.stack([_distribution.mean_features(features, v(r)) for v, r in zip(seen, real, strict=True)])
    return _distribution.gradient(features, pictures, targets, seen)


def ours_dc(net, pictures, real, seen):
    weights = weights_of(net)
    pairs = zip(seen, real, strict=True)
    targets = [_gradient.mean_gradient(net, weights, view(r), c) for c, (view, r) in enumerate(pairs)]
    return _gradient.gradient(net, weights, pictures, targets, seen)


CASES = [(released_dm, ours_dm), (released_dc, ours_dc), (released_datadam, ours_datadam)]


@pytest.mark.parametrize(("released", "ours"), CASES)
@pytest.mark.parametrize("ipc", [1, 3])
@pytest.mark.parametrize("seed", range(3))
def test_all_classes_at_once_are_the_loop_over_classes(released, ours, ipc, seed, monkeypatch):
    monkeypatch.setattr("cc_plugins.distill._networks._CPU", 4 * SIDE * SIDE)  # real images in several pieces
    net, seen = network(seed), views(seed)
    pictures, real = images(CLASSES * ipc, seed), [images(9, 10 * seed + c) for c in range(CLASSES)]
    leaf = pictures.clone().requires_grad_()
    (wanted,) = torch.autograd.grad(released(net, leaf, real, ipc, seen), leaf)
    torch.testing.assert_close(ours(net, pictures, real, seen), wanted, rtol=1e-8, atol=1e-10)


@pytest.mark.parametrize(("released", "ours"), CASES)
def test_gradients_are_finite_differences(released, ours):
    net, seen = network(4), views(4)
    pictures, real = images(CLASSES, 4), [images(5, 20 + c) for c in range(CLASSES)]
    found, step = ours(net, pictures, real, seen), 1e-5
    rng = np.random.default_rng(0)
    for _ in range(40):
        place = tuple(int(rng.integers(n)) for n in pictures.shape)
        ends = []
        for sign in (1, -1):
            moved = pictures.clone()
            moved[place] += sign * step
            ends.append(released(net, moved, real, 1, seen).item())
        assert found[place] == pytest.approx((ends[0] - ends[1]) / (2 * step), rel=1e-4, abs=1e-7)


def test_dm_is_content_with_the_class_means_in_feature_space():
    net = network()
    real = [images(4, c) for c in range(CLASSES)]
    pictures = torch.cat([r.flip(0) for r in real])  # the images themselves: their mean features are the class's
    features = Features(net)
    targets = torch.stack([_distribution.mean_features(features, r) for r in real])
    made = embedded(net, pictures).unflatten(0, (CLASSES, -1))
    assert _distribution.loss(made, targets).item() == pytest.approx(0, abs=1e-20)
    gradient = _distribution.gradient(features, pictures, targets, [None] * CLASSES)
    assert float(gradient.abs().max()) < 1e-9
    moved = _distribution.gradient(features, pictures + 0.1 * images(len(pictures), 9), targets, [None] * CLASSES)
    assert float(moved.abs().max()) > 1e-4


def test_gradients_that_point_alike_are_no_distance():
    net = network()
    real, nothing = [images(4, c) for c in range(CLASSES)], [None] * CLASSES
    weights = weights_of(net)
    targets = [_gradient.mean_gradient(net, weights, r, c) for c, r in enumerate(real)]
    longer = [{name: 3 * value for name, value in target.items()} for target in targets]
    for target, other in zip(targets, longer, strict=True):
        assert float(_gradient.distance(target.values(), other.values())) < 1e-3  # 1e-6 in the denominator
    away = {name: -value for name, value in targets[0].items()}
    rows = sum(len(value) for value in targets[0].values() if value.ndim > 1)
    assert float(_gradient.distance(targets[0].values(), away.values())) == pytest.approx(2 * rows, rel=1e-2)
    gradient = _gradient.gradient(net, weights, torch.cat(real), targets, nothing)
    assert gradient.shape == (CLASSES * 4, 3, SIDE, SIDE)
