"""The gradients of MTT and TESLA: where they are zero, where they agree, finite differences, and what they hold."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from cc_plugins.architectures.convnet import ConvNet
from cc_plugins.trajectories.experts import flat
from cc_plugins.trajectories.gradients import Way, shaped, unrolled, update_by_update
from ccbench.training.siamese import NAMES, draw

SIDE, CLASSES, PICTURES = 8, 3, 6


def network(seed=0):
    torch.manual_seed(seed)
    return ConvNet(classes=CLASSES, image_size=SIDE, width=4, depth=2, norm="instance").double().requires_grad_(False)


def given(updates, seed=0, names=NAMES, batch=4):
    """A way, pictures, labels and a learning rate."""
    rng, generator = np.random.default_rng(seed), torch.Generator().manual_seed(seed)
    net = network(seed)
    start = flat(list(net.parameters()))
    target = start + 0.05 * torch.randn(len(start), generator=generator, dtype=torch.float64)
    batches = [torch.from_numpy(rng.permutation(PICTURES)[:batch]) for _ in range(updates)]
    views = [draw(names, (SIDE, SIDE), rng, batch) for _ in range(updates)]
    pictures = torch.randn(PICTURES, 3, SIDE, SIDE, generator=generator, dtype=torch.float64)
    return (
        Way(net, start, target, batches, views),
        pictures,
        torch.arange(PICTURES) % CLASSES,
        torch.tensor(0.3).double(),
    )


def soft(seed=0):
    return torch.randn(PICTURES, CLASSES, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def trained(way, pictures, labels, lr):
    """By torch's own optimiser, on the network itself."""
    net = network()
    net.requires_grad_(True)
    optimizer = torch.optim.SGD(net.parameters(), lr=float(lr))
    for rows, view in zip(way.batches, way.views, strict=True):
        optimizer.zero_grad()
        images = pictures[rows] if view is None else view(pictures[rows])
        F.cross_entropy(net(images), labels[rows]).backward()
        optimizer.step()
    return flat(list(net.parameters()))


def same(one, other):
    torch.testing.assert_close(one.distance, other.distance)
    for name in ("pictures", "lr", "labels"):
        a, b = getattr(one, name), getattr(other, name)
        assert (a is None) == (b is None)
        if a is not None:
            torch.testing.assert_close(a, b, rtol=1e-7, atol=1e-12)


@pytest.mark.parametrize("updates", [1, 4])
def test_nothing_is_left_where_the_student_goes_the_experts_way(updates):
    way, pictures, labels, lr = given(updates)
    way.target = trained(way, pictures, labels, lr)  # the expert was trained on these very pictures
    for found in (
        unrolled(way, pictures, labels, lr),
        update_by_update(way, pictures, labels, lr, second_order=False),
        update_by_update(way, pictures, labels, lr, second_order=True),
    ):
        assert float(found.distance) == pytest.approx(0, abs=1e-20)
        assert float(found.pictures.abs().max()) < 1e-9
    other = unrolled(way, pictures + 0.1, labels, lr)
    assert float(other.distance) > 1e-4
    assert float(other.pictures.abs().max()) > 1e-6


def test_a_student_that_stays_has_a_distance_of_one():
    way, pictures, labels, _ = given(3)
    assert float(unrolled(way, pictures, labels, torch.tensor(0.0).double()).distance) == pytest.approx(1)


@pytest.mark.parametrize("labels", [torch.arange(PICTURES) % CLASSES, soft()], ids=["hard", "soft"])
def test_of_one_update_tesla_is_mtt(labels):
    way, pictures, _, lr = given(1)
    same(update_by_update(way, pictures, labels, lr, second_order=False), unrolled(way, pictures, labels, lr))


@pytest.mark.parametrize("labels", [torch.arange(PICTURES) % CLASSES, soft()], ids=["hard", "soft"])
@pytest.mark.parametrize("seed", range(3))
def test_of_several_updates_tesla_is_mtt_with_the_second_order_and_something_else_without(labels, seed):
    way, pictures, _, lr = given(5, seed)
    wanted = unrolled(way, pictures, labels, lr)
    same(update_by_update(way, pictures, labels, lr, second_order=True), wanted)
    left_out = update_by_update(way, pictures, labels, lr, second_order=False)
    torch.testing.assert_close(left_out.distance, wanted.distance)
    assert not torch.allclose(left_out.pictures, wanted.pictures, rtol=1e-3)


def released(way, pictures, labels, lr):
    """TESLA's sum of squares and products, as the released code adds it up, update by update."""
    leaf, path, total = pictures.clone().requires_grad_(), [way.start], 0
    for number in range(len(way)):
        weights = path[-1].clone().requires_grad_()
        (gradient,) = torch.autograd.grad(way.error(number, weights, pictures, labels), weights)
        path.append(path[-1] - lr * gradient)
        total = total + gradient
    sums = torch.zeros_like(leaf)
    for number in range(len(way)):
        weights = path[number].clone().requires_grad_()
        (gradient,) = torch.autograd.grad(way.error(number, weights, leaf, labels), weights, create_graph=True)
        square = lr**2 * gradient.dot(gradient)
        single = 2 * lr * gradient.dot(lr * (total - gradient.detach()) - way.start + way.target)
        sums += torch.autograd.grad((square + single) / way.whole, leaf)[0]
    return sums


def test_without_the_second_order_it_is_the_released_sum():
    way, pictures, labels, lr = given(5, names=())
    found = update_by_update(way, pictures, labels, lr, second_order=False)
    torch.testing.assert_close(found.pictures, released(way, pictures, labels, lr), rtol=1e-7, atol=1e-12)


def test_gradients_are_finite_differences():
    way, pictures, _, lr = given(3)
    labels = soft()
    found, step = unrolled(way, pictures, labels, lr), 1e-5

    def at(x, y, r):
        return float(unrolled(way, x, y, r).distance)

    rng = np.random.default_rng(0)
    for _ in range(25):
        place = tuple(int(rng.integers(n)) for n in pictures.shape)
        shift = torch.zeros_like(pictures)
        shift[place] = step
        wanted = (at(pictures + shift, labels, lr) - at(pictures - shift, labels, lr)) / (2 * step)
        assert float(found.pictures[place]) == pytest.approx(wanted, rel=1e-4, abs=1e-8)
    for place in [(0, 0), (3, 2), (5, 1)]:
        shift = torch.zeros_like(labels)
        shift[place] = step
        wanted = (at(pictures, labels + shift, lr) - at(pictures, labels - shift, lr)) / (2 * step)
        assert float(found.labels[place]) == pytest.approx(wanted, rel=1e-4, abs=1e-8)
    wanted = (at(pictures, labels, lr + step) - at(pictures, labels, lr - step)) / (2 * step)
    assert float(found.lr) == pytest.approx(wanted, rel=1e-4)


def held(compute):
    """The most bytes that autograd keeps at once for backward passes."""
    from benchmarks.trajectories import most_held

    return most_held(compute)


def test_what_tesla_holds_does_not_grow_with_the_updates_and_what_mtt_holds_does():
    ours, theirs = [], []
    for updates in (5, 20, 50):
        way, *rest = given(updates)
        ours.append(held(lambda way=way, rest=rest: update_by_update(way, *rest, second_order=False)))
        theirs.append(held(lambda way=way, rest=rest: unrolled(way, *rest)))
    assert max(ours) < 1.2 * min(ours)
    assert theirs[2] > 8 * theirs[0] > 8 * ours[0]


def test_weights_go_there_and_back():
    net = network()
    weights = flat(list(net.parameters()))
    for name, value in shaped(weights, net).items():
        assert torch.equal(value, net.get_parameter(name))
