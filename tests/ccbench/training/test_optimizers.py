"""Which parameters decay, and that an update is the optimiser's."""

import pytest
import torch

from ccbench.training.networks import build_network
from ccbench.training.optimizers import build_optimizer
from ccbench.training.recipe import Recipe

RECIPE = Recipe(architecture="x", batch=1, lr=0.1, epochs=1.0, weight_decay=0.5)
ADAMW = Recipe(
    architecture="x",
    batch=1,
    lr=0.1,
    epochs=1.0,
    optimizer="adamw",
    betas=(0.5, 0.75),
    weight_decay=0.5,
    decay="matrices",
)


class Odd(torch.nn.Module):
    """Of every kind one."""

    def __init__(self):
        super().__init__()
        self.linear = torch.nn.Linear(2, 3)
        self.norm = torch.nn.BatchNorm2d(3)
        self.conv = torch.nn.Conv2d(3, 2, 1)
        self.pos_embed = torch.nn.Parameter(torch.ones(1, 4, 2))


def names(network, group):
    chosen = {id(p) for p in group["params"]}
    return {name for name, p in network.named_parameters() if id(p) in chosen}


def test_only_weight_matrices_and_kernels_decay():
    network = Odd()
    first, second = build_optimizer(network, ADAMW).param_groups
    assert names(network, first) == {"linear.weight", "conv.weight"}
    assert names(network, second) == {"linear.bias", "norm.weight", "norm.bias", "conv.bias", "pos_embed"}
    assert (first["weight_decay"], second["weight_decay"]) == (0.5, 0.0)
    (everything,) = build_optimizer(network, RECIPE).param_groups
    assert names(network, everything) == {name for name, _ in network.named_parameters()}
    assert everything["weight_decay"] == 0.5


def test_groups_of_a_real_network(own_plugins):
    network = build_network("resnet18", classes=10, image_size=32, seed=0, plugins=own_plugins)
    first, second = build_optimizer(network, ADAMW).param_groups
    assert len(first["params"]) == 21  # 17 convolutions of the body and the stem, 3 of the shortcuts, the classifier
    assert len(first["params"]) + len(second["params"]) == len(list(network.parameters()))
    assert all(p.ndim == 1 for p in second["params"])


def test_adamw_by_hand():
    """From m = v = 0 the corrected moments are g and g^2: the first step is lr * sign(g), and decay lr * wd * w."""
    network = torch.nn.Linear(2, 1)
    with torch.no_grad():
        network.weight.copy_(torch.tensor([[2.0, -4.0]]))
        network.bias.fill_(8.0)
    optimizer = build_optimizer(network, ADAMW)
    for gradient in ([3.0, -5.0], [1.0, 0.0]):
        network.weight.grad = torch.tensor([gradient])
        network.bias.grad = torch.tensor([7.0])
        optimizer.step()
        if gradient[0] == 3.0:
            assert network.weight[0].tolist() == pytest.approx([2 - 0.1 - 0.1, -4 + 0.1 + 0.2])
            assert network.bias.item() == pytest.approx(8 - 0.1)  # no decay
    # then m = (.5 * 1.5 + .5 * 1, .5 * -2.5), v = (.75 * 2.25 + .25 * 1, .75 * 6.25); corrected by .75 and .4375
    step = [(1.25 / 0.75) / (1.9375 / 0.4375) ** 0.5, (-1.25 / 0.75) / (4.6875 / 0.4375) ** 0.5]
    expected = [1.8 - 0.1 * 0.5 * 1.8 - 0.1 * step[0], -3.7 + 0.1 * 0.5 * 3.7 - 0.1 * step[1]]
    assert network.weight[0].tolist() == pytest.approx(expected, rel=1e-5)
