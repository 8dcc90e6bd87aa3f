"""Features against hooks by hand; attention where the answer is known."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from stage_bench import Bench, plugins_with, quarters
from torch import nn

from ccbench.errors import UserError
from ccbench.methods.task import StageContext, Workbench
from ccbench.stages import attention, features
from ccbench.stages.layers import as_map, layer_of, stages_of
from ccbench.stages.proxy import load_network
from ccbench.stages.rise import draw_masks, rise
from ccbench.store import Store
from ccbench.training import DeviceData, Recipe, build_network


def context(bench):
    return StageContext(
        Workbench(bench.root, bench.store, bench.plugins, bench.recipe, 0),
        bench.root,
        bench.plugins.get("stage", "features"),
        {},
        bench.store.root,
    )


def test_feature_maps_equal_the_networks_own(bench, monkeypatch):
    monkeypatch.setattr(features, "BATCH", 40)  # the last batch is not full
    part = bench.root.subset(np.arange(90))
    network = load_network(context(bench))
    data = DeviceData.from_dataset(bench.root)
    with torch.no_grad():
        maps = [data.normalise(data.decode(torch.arange(90)))]
        for stage in network.stages:
            maps.append(stage(maps[-1]))
    expected = {
        "shallow": F.adaptive_avg_pool2d(maps[1], 2).flatten(1),
        "mid1": F.adaptive_avg_pool2d(maps[2], 2).flatten(1),
        "final": F.adaptive_avg_pool2d(maps[3], 2).flatten(1),
        "penultimate": maps[3].mean((2, 3)),
    }
    for layer, wanted in expected.items():
        found = bench.stage("features", dataset=part, layer=layer, pool=2)["features"]
        assert found.dtype == np.float32
        np.testing.assert_allclose(found, wanted, rtol=1e-4, atol=1e-4)


def test_which_layers_are_meant(bench):
    resnet = build_network("resnet18", classes=4, image_size=32, seed=0, plugins=bench.plugins)
    assert layer_of(resnet, "shallow") is resnet.layer1[0]
    assert [layer_of(resnet, name) for name in ("mid1", "mid2", "final")] == [
        resnet.layer2,
        resnet.layer3,
        resnet.layer4,
    ]
    small = build_network("convnet-d3", classes=4, image_size=32, seed=0, plugins=bench.plugins)
    assert stages_of(small) == list(small.stages)
    assert layer_of(small, "mid2") is layer_of(small, "final")
    mobile = build_network("mobilenetv3_small_050", classes=4, image_size=32, seed=0, plugins=bench.plugins)
    assert layer_of(mobile, "final") in set(mobile.modules())
    with pytest.raises(UserError, match="no named stages"):
        stages_of(nn.Sequential(nn.Flatten(), nn.Linear(3, 2)))


class Known(nn.Module):
    """Class 0 is redness, class 1 is blueness, each of its place alone: 2x2 cells of a known answer."""

    def __init__(self):
        super().__init__()
        self.stages = nn.ModuleList([nn.Sequential(nn.Conv2d(3, 2, 1, bias=False), nn.AvgPool2d(8))])
        with torch.no_grad():
            self.stages[0][0].weight.copy_(torch.tensor([[1.0, 0, 0], [0, 0, 1.0]]).view(2, 3, 1, 1))

    def forward(self, x):
        return self.stages[0](x).relu().sum((2, 3))


def spots():
    """Red at the top left, blue at the bottom right, both in every image."""
    images = np.zeros((6, 16, 16, 3), np.uint8)
    images[:, :8, :8, 0] = 255
    images[:, 8:, 8:, 2] = 255
    return images, np.array([0, 1, 0, 1, 0, 1])


@pytest.mark.parametrize("cam", ["gradcam", "gradcam++", "layercam", "rise", *attention.PACKAGED])
def test_attention_is_at_the_true_class(cam, bench, tmp_path, monkeypatch):
    monkeypatch.setattr(attention, "load_network", lambda *a: Known().eval())
    monkeypatch.setattr(attention, "normalisation", lambda *a: lambda images: images.float() / 64)
    monkeypatch.setattr(attention, "BATCH", 4)
    images, labels = spots()
    data = type(bench.root).from_arrays(images, labels, ["red", "blue"], name="spots")
    made = StageContext(
        Workbench(data, bench.store, bench.plugins, bench.recipe, 0),
        data,
        bench.plugins.get("stage", "attention"),
        {},
        tmp_path,
    )
    assert attention.run(made, cam=cam, proxy=None, masks=400) == {}
    maps = np.load(tmp_path / "attention.npy")
    assert maps.shape == (6, 16, 16)
    assert maps.dtype == np.float16
    assert (maps.min((1, 2)) == 0).all()
    assert (maps.max((1, 2)) == 1).all()
    for one, label in zip(maps.astype(float), labels, strict=True):
        red, blue = one[2:6, 2:6].mean(), one[10:14, 10:14].mean()
        assert (red > 0.7 > 0.3 > blue) if label == 0 else (blue > 0.7 > 0.3 > red)


def test_attention_of_a_real_run(bench):
    part = bench.root.subset(np.arange(20))
    first = bench.stage("attention", dataset=part, cam="rise", masks=100)["attention"]
    quarter = np.array(first, float).reshape(20, 2, 8, 2, 8).mean((2, 4)).reshape(20, 4)
    assert (quarter.argmax(1) == part.labels).mean() > 0.7
    assert bench.stage("attention", dataset=part)["attention"].shape == (20, 16, 16)


def test_one_cell_is_no_attention(tmp_path):
    data = quarters(16, size=8)
    recipe = Recipe(architecture="quicknet", batch=8, lr=0.1, iterations=2)

    made = Bench(Store(tmp_path), plugins_with(), data, recipe)
    with pytest.raises(UserError, match="flat"):
        made.stage("attention")


def test_masks_by_their_definition():
    masks = draw_masks(600, (32, 20), seed=1)
    assert masks.shape == (600, 32, 20)
    assert masks.min() >= 0
    assert masks.max() <= 1
    assert masks.mean().item() == pytest.approx(0.5, abs=0.02)
    assert torch.equal(masks, draw_masks(600, (32, 20), seed=1))
    assert not torch.equal(masks, draw_masks(600, (32, 20), seed=2))
    assert (masks[:, 1:] - masks[:, :-1]).abs().max() <= 1 / 8 + 1e-5  # bilinear over cells of 8 pixels


def test_rise_is_the_weighted_mean_of_its_masks():
    network = Known().eval()
    images = torch.from_numpy(spots()[0]).permute(0, 3, 1, 2).float()[:2] / 64
    labels = torch.tensor([0, 1])
    found = rise(network, (16, 16), masks=9, seed=4, device="cpu")(images, labels)
    masks = draw_masks(9, (16, 16), seed=4)
    for i in range(2):
        weights = torch.stack([network(images[i : i + 1] * m).softmax(1)[0, labels[i]] for m in masks])
        expected = (weights.view(-1, 1, 1) * masks).sum(0) / (9 * 0.5)
        np.testing.assert_allclose(found[i], expected.detach(), rtol=1e-5)


@pytest.mark.parametrize("architecture", ["resnet18", "quicknet", "mobilenetv3_small_050"])
@pytest.mark.parametrize("cam", ["gradcam", "gradcam++", "layercam"])
def test_class_activation_is_that_of_the_grad_cam_package(cam, architecture, bench):
    from pytorch_grad_cam import GradCAM, GradCAMPlusPlus, LayerCAM
    from pytorch_grad_cam.utils.model_targets import ClassifierOutputTarget

    images = torch.randn(3, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    labels = torch.tensor([2, 0, 3])
    network = build_network(architecture, classes=4, image_size=32, seed=0, plugins=bench.plugins).eval()
    cls = {"gradcam": GradCAM, "gradcam++": GradCAMPlusPlus, "layercam": LayerCAM}[cam]
    with cls(network, [layer_of(network, "final")], reshape_transform=lambda out: as_map(out, network)) as peer:
        expected = peer(images, [ClassifierOutputTarget(y) for y in labels.tolist()])
    found = attention.unit(attention.class_activation(cam, network)(images, labels))
    assert np.ptp(expected, axis=(1, 2)).any()
    np.testing.assert_allclose(found, attention.unit(torch.from_numpy(expected)), atol=1e-4)


def test_no_layer_behind_the_features_is_run(bench, monkeypatch):
    network = load_network(context(bench))
    monkeypatch.setattr(features, "load_network", lambda *a: network)
    reached = []
    network.stages[1].register_forward_pre_hook(lambda *a: reached.append("mid1"))
    bench.stage("features", dataset=bench.root.subset(np.arange(30)), layer="shallow", pool=3)
    assert not reached
    bench.stage("features", dataset=bench.root.subset(np.arange(30)), layer="mid1", pool=3)
    assert reached


def test_unit_maps():
    maps = torch.stack([torch.full((2, 2), 3.0), torch.tensor([[1.0, 3], [5, 2]]), torch.full((2, 2), torch.nan)])
    np.testing.assert_allclose(attention.unit(maps), [[[0, 0], [0, 0]], [[0, 0.5], [1, 0.25]], [[0, 0], [0, 0]]])
