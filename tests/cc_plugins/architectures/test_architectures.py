"""Networks by name: ours and timm's, their stems, and what unfit names and sizes get."""

import subprocess
import sys

import pytest
import torch
from torch import nn

from cc_plugins.architectures.timm_names import is_timm, near, timm_names
from ccbench.errors import UserError
from ccbench.offers.discovery import Plugins
from ccbench.training.networks import build_network


@pytest.fixture(scope="module")
def found():
    return Plugins(discover=False, extra=("cc_plugins.architectures",))


def build(found, name, size=32, classes=7, seed=0):
    return build_network(name, classes=classes, image_size=size, seed=seed, plugins=found)


@pytest.mark.parametrize(
    ("name", "sizes"),
    [
        ("quicknet", (8, 31, 64)),
        ("convnet-d3", (8, 33, 64)),
        ("resnet18", (32,)),
        ("resnet10t", (32,)),
        ("mobilenetv3_small_050", (32,)),
        ("convnext_atto", (32, 64)),
        ("vit_tiny_patch16_224", (32,)),
        ("swin_tiny_patch4_window7_224", (32,)),
    ],
)
def test_logits_and_gradients(found, name, sizes):
    for size in sizes:
        network = build(found, name, size)
        assert network.training
        logits = network(torch.randn(2, 3, size, size))
        assert logits.shape == (2, 7)
        logits.square().sum().backward()
        assert all(p.grad is not None and p.grad.isfinite().all() for p in network.parameters())


def test_the_cifar_stem(found):
    small, large = build(found, "resnet18", 32), build(found, "resnet18", 224)
    assert (small.conv1.kernel_size, small.conv1.stride, small.conv1.in_channels) == ((3, 3), (1, 1), 3)
    assert isinstance(small.maxpool, nn.Identity)
    assert (large.conv1.kernel_size, large.conv1.stride) == ((7, 7), (2, 2))
    assert sum(p.numel() for p in build(found, "resnet18", 32, 10).parameters()) == 11_173_962  # ResNet-18 of CIFAR-10
    assert build(found, "mobilenetv3_small_050", 64).conv_stem.stride == (1, 1)
    assert build(found, "mobilenetv3_small_050", 128).conv_stem.stride == (2, 2)
    assert build(found, "convnext_atto", 64).stem[0].stride == (4, 4)


def test_weights_follow_the_seed_and_leave_the_generator_alone(found):
    before = torch.get_rng_state()
    one, two, other = (build(found, "quicknet", seed=s).classifier.weight for s in (1, 1, 2))
    assert torch.equal(one, two)
    assert not torch.equal(one, other)
    assert torch.equal(torch.get_rng_state(), before)


def test_the_names_are_timms_own():
    import timm

    assert timm_names() == set(timm.list_models())


def test_the_pretrained_tags_are_timms_own():
    import timm
    from timm.models import _registry

    tagged = {name for name in _registry._model_pretrained_cfgs if "." in name}
    assert len(tagged) > 1000
    assert all(is_timm(name) for name in tagged)
    assert not is_timm("resnet18.nonsense")
    assert not is_timm("nonsense.a1_in1k")
    for old, new in _registry._deprecated_models.items():
        assert near(old, []) == new
    assert timm.is_model("resnet18.a1_in1k")


def test_a_tag_names_the_configuration_and_loads_no_weights(found, monkeypatch):
    for name in ("HTTP_PROXY", "HTTPS_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")  # nothing can be downloaded
    plain, tagged = build(found, "resnet18", seed=3), build(found, "resnet18.a1_in1k", seed=3)
    assert found.get("architecture", "resnet18.a1_in1k").name == "resnet18.a1_in1k"
    assert plain.state_dict().keys() == tagged.state_dict().keys()
    assert all(torch.equal(value, tagged.state_dict()[key]) for key, value in plain.state_dict().items())


@pytest.mark.parametrize(
    ("wrong", "right"),
    [
        ("resnet18.a1_in1", "resnet18.a1_in1k"),
        ("resnet18.zzzzzzzzzz", "resnet18"),
        ("resnet-18.a1_in1k", "resnet18"),
        ("convnext_tiny_in22ft1k", "convnext_tiny.fb_in22k_ft_in1k"),
    ],
)
def test_near_tags(found, wrong, right):
    with pytest.raises(UserError, match=f"did you mean '{right}'"):
        found.get("architecture", wrong)


def test_planning_imports_neither_timm_nor_torch():
    code = (
        "import sys; from ccbench.offers.discovery import Plugins;"
        "p = Plugins(discover=False, extra=('cc_plugins.architectures',));"
        "p.get('architecture', 'resnet34.a1_in1k');"
        "s = p.get('architecture', 'resnet34'); assert s.read_params({}) == {'model': 'resnet34'};"
        "sys.exit('torch' in sys.modules or 'timm' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


NEAR = [("resnet-18", "resnet18"), ("quiknet", "quicknet"), ("convnet_d3", "convnet-d3")]


@pytest.mark.parametrize(("wrong", "right"), NEAR)
def test_near_names(found, wrong, right):
    with pytest.raises(UserError, match=f"did you mean '{right}'"):
        found.get("architecture", wrong)


def test_names_that_are_near_to_nothing(found):
    with pytest.raises(UserError, match="no architecture is called 'zzzzzz'"):
        found.get("architecture", "zzzzzz")


@pytest.mark.parametrize(("name", "size"), [("quicknet", 4), ("convnet-d3", 7), ("vit_tiny_patch16_224", 8)])
def test_sizes_that_do_not_fit(found, name, size):
    with pytest.raises(UserError, match=f"{size}x{size} pixels"):
        build(found, name, size)


def test_the_convnet_of_the_literature(found):
    """320,010 parameters for CIFAR-10, the figure the distillation papers give."""
    network = build(found, "convnet-d3", 32, 10)
    assert sum(p.numel() for p in network.parameters()) == 320_010
    maps = network.stages[0][1](torch.randn(2, 128, 32, 32) * 3 + 1)
    torch.testing.assert_close(maps, nn.functional.instance_norm(torch.clone(maps)), rtol=1e-3, atol=1e-3)
