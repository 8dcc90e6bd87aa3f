"""Kernel inducing points: the kernel by hand and against a wide network, the regression against scikit-learn's."""

import math
from itertools import pairwise

import numpy as np
import pytest
import torch
from sklearn.kernel_ridge import KernelRidge

from cc_plugins.distill import _matching
from cc_plugins.distill._matching import Work
from cc_plugins.kernels._fully_connected import kernel, predict
from cc_plugins.kernels._inducing import KernelInducingPoints, centred, probabilities
from ccbench import testing
from ccbench.archive import CompressedDataset, FloatImages
from ccbench.budget import Budget
from ccbench.errors import Skipped
from ccbench.methods.task import Task
from ccbench.offers.expressions import parse
from ccbench.testing.lab import Lab
from tests.cc_plugins.making import make

FAST = "kip[steps=4,targets=24]"


def images(n, d=12, seed=0):
    return torch.from_numpy(np.random.default_rng(seed).standard_normal((n, d)))


def work_of(lab, text, ipc=1):
    bench = lab.bench()
    task = Task(bench, bench.root, Budget.from_ipc(ipc, bench.root.shape), np.arange(96), {"seed": 0})
    method = parse(text, lab.plugins).steps[0].build()
    return method, Work(task, ipc, "", 7)


def test_the_kernel_of_two_right_angled_images_by_hand():
    # x . x / d = 1 and x . z = 0; layer one: q = 2.01 and 0.01, so the cosine is 0.01 / 2.01
    x, z = torch.tensor([[1.0, 1.0, 0.0, 0.0]]).double(), torch.tensor([[0.0, 0.0, 1.0, 1.0]]).double()
    q, c = 2 * 0.5 + 0.01, 0.01
    angle = math.acos(c / q)
    nngp = 2 * q / (2 * math.pi) * (math.sin(angle) + (math.pi - angle) * math.cos(angle)) + 0.01
    ntk = nngp + 2 * (math.pi - angle) / (2 * math.pi) * c
    assert kernel(x, z, depth=1, function="nngp").item() == pytest.approx(nngp, rel=1e-12)
    assert kernel(x, z, depth=1, function="ntk").item() == pytest.approx(ntk, rel=1e-12)
    assert kernel(x, x, depth=1, function="nngp").item() == pytest.approx(q + 0.01, rel=1e-12)  # 2 * q / 2
    assert kernel(x, x, depth=1, function="ntk").item() == pytest.approx(q + 0.01 + q, rel=1e-12)


@pytest.mark.parametrize("depth", [1, 2])
def test_the_kernel_is_that_of_a_wide_network(depth):
    x, width, rng = images(3), 2048, torch.Generator().manual_seed(0)
    tangent = torch.zeros(3, 3).double()
    for _ in range(4):
        sizes = [x.shape[1], *[width] * depth, 1]
        layers = []
        for fan, out in pairwise(sizes):
            layers += [torch.randn(out, fan, generator=rng).double(), torch.randn(out, generator=rng).double()]
        weights = [layer.requires_grad_() for layer in layers]

        def network(image, weights=weights):
            for i in range(0, len(weights), 2):
                image = image.relu() if i else image
                image = math.sqrt(2 / len(image)) * weights[i] @ image + 0.1 * weights[i + 1]
            return image

        slopes = [torch.cat([g.flatten() for g in torch.autograd.grad(network(a), weights)]) for a in x]
        tangent += torch.stack(slopes) @ torch.stack(slopes).T / 4
    exact = kernel(x, x, depth=depth, function="ntk")
    assert (tangent - exact).abs().max() / exact.max() < 0.06
    assert (tangent - kernel(x, x, depth=depth, function="nngp")).abs().max() / exact.max() > 0.3


@pytest.mark.parametrize("function", ["ntk", "nngp"])
def test_gradients_are_those_of_finite_differences_with_an_image_beside_itself(function):
    x, z = images(3, 4).requires_grad_(), images(2, 4, seed=1).requires_grad_()
    y = images(3, 2, seed=2).requires_grad_()
    assert torch.autograd.gradcheck(lambda a, b: kernel(a, b, depth=2, function=function), (x, z))
    assert torch.autograd.gradcheck(
        lambda a, b, c: predict(1e-3, a, b, c, depth=1, function=function), (x, z.detach(), y)
    )
    assert torch.isfinite(torch.autograd.grad(kernel(x, x, depth=3, function=function).sum(), x)[0]).all()


@pytest.mark.parametrize(("depth", "function"), [(1, "ntk"), (3, "nngp")])
def test_predictions_are_those_of_scikit_learn(depth, function):
    pictures, targets, labels = images(20), images(50, seed=1), centred(torch.arange(20) % 5, 5)
    settings = {"depth": depth, "function": function}
    among = kernel(pictures, pictures, **settings)
    theirs = KernelRidge(alpha=1e-3 * among.diagonal().mean().item(), kernel="precomputed")
    theirs.fit(among.numpy(), labels.numpy())
    expected = theirs.predict(kernel(targets, pictures, **settings).numpy())
    found = predict(1e-3, pictures, targets, labels, **settings)
    np.testing.assert_allclose(found.numpy(), expected, rtol=1e-8, atol=1e-10)


@pytest.mark.parametrize("labels", ["fixed", "learned"])
def test_the_error_on_all_images_falls(lab, labels):
    method, work = work_of(lab, f"kip[steps=40,targets=96,labels={labels}]")
    data = work.real.at(np.arange(96))
    owners = torch.from_numpy(np.array(lab.splits.train.labels))
    state = method.begin(work)
    first, before = method.error(state, data, owners).item(), state["labels"].clone()
    for number in range(40):
        method.step(work, state, number)
    assert method.error(state, data, owners).item() < first / 2
    assert torch.equal(before, state["labels"]) == (labels == "fixed")


def test_a_step_predicts_as_many_images_of_each_class_and_all_of_them_where_there_are_fewer(lab):
    labels = np.array(lab.splits.train.labels)
    method, work = work_of(lab, "kip[targets=24]")
    images, owners = method.targets_of(work, 3)
    assert owners.tolist() == sorted([0, 1, 2, 3] * 6)
    found = work.real.space.pixels(images).round().to(torch.uint8).permute(0, 2, 3, 1).numpy()
    for picture, label in zip(found, owners.tolist(), strict=True):
        assert any(np.array_equal(picture, image) for image in lab.splits.train.images[labels == label])
    assert not torch.equal(images, method.targets_of(work, 4)[0])
    method, work = work_of(lab, "kip[targets=400]")
    images, owners = method.targets_of(work, 3)
    assert owners.tolist() == sorted(labels.tolist())
    assert method.targets_of(work, 4)[0] is images


def test_learned_labels_are_stored_as_probabilities(lab, tmp_path):
    raw = torch.tensor([[0.9, -0.5, 0.1], [-1.0, -1.0, -1.0]]).double() - 1 / 3
    assert probabilities(raw).tolist() == [pytest.approx([0.9, 0, 0.1]), pytest.approx([1 / 3] * 3)]
    made = make(lab, "kip[steps=3,targets=24,labels=learned,store=float16]")
    assert made.soft_labels is not None
    assert make(lab, FAST).soft_labels is None
    made.save(tmp_path / "a.ccb")
    assert np.array_equal(CompressedDataset.open(tmp_path / "a.ccb").soft_labels, made.soft_labels)


def test_pictures_are_floats_of_every_class(lab):
    made = make(lab, FAST, ipc=2)
    assert isinstance(made.payload, FloatImages)
    assert made.labels.tolist() == [0, 0, 1, 1, 2, 2, 3, 3]
    assert make(lab, FAST, ipc=2, seed=1).content_digest() != made.content_digest()
    for changed in ("depth=2", "function=nngp", "ridge=0.1"):
        assert make(lab, f"{FAST[:-1]},{changed}]", ipc=2).content_digest() != made.content_digest()


@pytest.mark.parametrize("targets", [24, 400])
def test_one_that_is_killed_goes_on(tmp_path, monkeypatch, targets):
    text, step, done = f"kip[steps=4,targets={targets},labels=learned]", KernelInducingPoints.step, []
    whole = make(Lab("random", folder=tmp_path / "whole"), text)

    def killed(self, work, state, number):
        if number == 2 and done == [0, 1]:
            raise KeyboardInterrupt
        step(self, work, state, number)
        done.append(number)

    monkeypatch.setattr(_matching, "EVERY", 0.0)
    monkeypatch.setattr(KernelInducingPoints, "step", killed)
    lab = Lab("random", folder=tmp_path / "killed")
    with pytest.raises(KeyboardInterrupt):
        make(lab, text)
    done.append(-1)
    assert make(lab, text).content_digest() == whole.content_digest()
    assert done == [0, 1, -1, 2, 3]
    half = make(lab, text[:-1] + ",store=float16]")  # how it is stored distils nothing again
    assert len(done) == 5
    assert np.array_equal(half.payload.values, whole.payload.values.astype(np.float16))


def test_more_pictures_than_one_system_takes_are_refused_before_any_work(lab, monkeypatch):
    monkeypatch.setattr("cc_plugins.kernels._inducing.MOST", 4)
    with pytest.raises(Skipped, match="8 pictures are one linear system, of at most 4"):
        make(lab, FAST, ipc=2)


@pytest.mark.parametrize("check", testing.checks(FAST))
def test_conformance(check):
    check()
