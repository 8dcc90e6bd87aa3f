"""The papers' networks by name: published sizes, maps of small images, sizes they cannot take, their spellings."""

import subprocess
import sys

import pytest
import torch
from torch import nn

from cc_plugins.architectures import OWN
from cc_plugins.architectures.fitting import fitted
from cc_plugins.architectures.timm_names import near
from ccbench.errors import Unfit, UserError
from ccbench.offers.discovery import Plugins
from ccbench.stages.layers import as_map, stages_of
from ccbench.training.networks import build_network

PLUGINS = Plugins(discover=False, extra=("cc_plugins.architectures",))
NAMES = PLUGINS.names("architecture")

# Parameters for 1,000 classes, as torchvision publishes them for its networks and timm for ViT-S
PUBLISHED = {
    "resnet18": 11_689_512,
    "resnet34": 21_797_672,
    "resnet50": 25_557_032,
    "resnet101": 44_549_160,
    "mobilenet_v2": 3_504_872,
    "efficientnet_b0": 5_288_548,
    "shufflenet_v2": 2_278_604,
    "shufflenet_v2_x0_5": 1_366_792,
    "swin_tiny": 28_288_354,
    "vit_small": 22_050_664,
}
# The side of each stage's map at 32 pixels
AT_32 = {
    "quicknet": [16, 8, 4],
    "convnet-d3": [16, 8, 4],
    "convnet-d4": [16, 8, 4, 2],
    "convnet-d5": [16, 8, 4, 2, 1],
    "convnet-d4-bn": [16, 8, 4, 2],
    "resnet18": [32, 16, 8, 4],
    "resnet101": [32, 16, 8, 4],
    "mobilenet_v2": [32, 16, 8, 4, 2],
    "efficientnet_b0": [32, 16, 8, 4, 2],
    "shufflenet_v2": [16, 8, 4],
    "swin_tiny": [16, 8, 4, 2],
    "swinv2_tiny": [16, 8, 4, 2],
    "vit_small": [8] * 12,
}
# and at 64 pixels, of the networks whose patches or depth follow the size
AT_64 = {
    "convnet-d6": [32, 16, 8, 4, 2, 1],
    "shufflenet_v2": [32, 16, 8],
    "swin_tiny": [32, 16, 8, 4],
    "swinv2_tiny": [32, 16, 8, 4],
    "vit_small": [8] * 12,
}


def build(name, size, classes=7):
    return build_network(name, classes=classes, image_size=size, seed=0, plugins=PLUGINS)


def sides(network, size):
    seen = []
    for stage in stages_of(network):
        stage.register_forward_hook(lambda _m, _i, output: seen.append(as_map(output, network).shape[2:]))
    network(torch.randn(2, 3, size, size))
    assert all(height == width for height, width in seen)
    return [height for height, _ in seen]


def test_they_are_listed():
    assert {spec.name for spec in OWN} == set(PLUGINS.all("architecture")) <= set(NAMES)
    assert {*PUBLISHED, "swinv2_tiny", "convnet-d3", "convnet-d4", "convnet-d5", "convnet-d6"} <= set(NAMES)
    for spec in OWN:
        assert spec.read_params({})  # each default is one of the values it takes


@pytest.mark.parametrize("name", PUBLISHED)
def test_at_224_pixels_they_are_the_published_networks(name):
    network = build(name, 224, classes=1000)
    assert sum(p.numel() for p in network.parameters()) == PUBLISHED[name]
    assert network.training
    if name != "vit_small":
        with torch.no_grad():
            assert sides(network.eval(), 224)[-1] == 7


def test_swin_v2_has_the_blocks_and_windows_of_swin_v2_t():
    """torchvision's 28,351,570 parameters hold a bias for each key, which stays zero; timm's network has none."""
    keys = 2 * 96 + 2 * 192 + 6 * 384 + 2 * 768
    network = build("swinv2_tiny", 224, classes=1000)
    assert [len(stage.blocks) for stage in network.layers] == [2, 2, 6, 2]
    assert [stage.blocks[0].window_size for stage in network.layers] == [(8, 8)] * 3 + [(7, 7)]
    assert sum(p.numel() for p in network.parameters()) == 28_351_570 - keys


@pytest.mark.parametrize("name", AT_32)
def test_small_images_keep_a_map(name):
    network = build(name, 32)
    logits = network(torch.randn(2, 3, 32, 32))
    assert logits.shape == (2, 7)
    logits.square().sum().backward()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in network.parameters())
    assert sides(network.eval(), 32) == AT_32[name]
    assert min(AT_32[name][:-1]) > 1


@pytest.mark.parametrize("name", AT_64)
def test_images_of_64_pixels(name):
    assert sides(build(name, 64).eval(), 64) == AT_64[name]


def test_small_stems_stop_above_64_pixels():
    assert build("shufflenet_v2", 65).conv1[0].stride == (2, 2)
    assert build("mobilenet_v2", 65).conv_stem.stride == (2, 2)
    assert build("swin_tiny", 68).patch_embed.patch_size == (4, 4)
    assert build("vit_small", 80).patch_embed.patch_size == (16, 16)


UNFIT = [
    ("convnet-d6", 32, "at least 64 pixels"),
    ("convnet-d5-bn", 31, "at least 32 pixels"),
    ("quicknet", 7, "at least 8 pixels"),
    ("vit_small", 100, "--image-size 96"),
    ("vit_small", 50, "--image-size 48"),
    ("vit_small", 2, "--image-size 4"),
    ("swin_tiny", 33, "--image-size 32"),
    ("swinv2_tiny", 90, "--image-size 88"),
    ("vit_tiny_patch16_224", 8, "another --arch"),
]


@pytest.mark.parametrize(("name", "size", "mend"), UNFIT)
def test_a_size_that_does_not_fit_is_unfit(name, size, mend):
    with pytest.raises(Unfit, match=f"{size}x{size} pixels") as caught:
        build(name, size)
    assert mend in caught.value.mend


@pytest.mark.parametrize("error", [MemoryError(), RuntimeError("DefaultCPUAllocator: can't allocate memory")])
def test_running_out_of_memory_is_no_misfit(error):
    def make():
        raise error

    with pytest.raises(type(error)) as caught:
        fitted("x", 2, 8, make)
    assert caught.value is error


def test_another_number_of_logits_is_a_fault_of_the_network():
    with pytest.raises(UserError, match="one logit per class") as caught:
        fitted("x", 3, 2, lambda: nn.Sequential(nn.Flatten(), nn.Linear(12, 4)))
    assert not isinstance(caught.value, Unfit)
    assert caught.value.found == "output of shape (1, 4)"


def test_batch_normalisation_on_demand():
    kinds = {type(m) for m in build("convnet-d4-bn", 32).modules()}
    assert nn.BatchNorm2d in kinds
    assert nn.GroupNorm not in kinds
    assert nn.BatchNorm2d not in {type(m) for m in build("convnet-d4", 32).modules()}


SPELLINGS = {
    "ResNet-18": "resnet18",
    "resnet_101": "resnet101",
    "mobilenet-v2": "mobilenet_v2",
    "MobileNetV2": "mobilenet_v2",
    "efficientnet-b0": "efficientnet_b0",
    "ShuffleNet": "shufflenet_v2",
    "shufflenet_v2_x1_0": "shufflenet_v2",
    "swin-v2-t": "swinv2_tiny",
    "swin_v2_t": "swinv2_tiny",
    "swin_t": "swin_tiny",
    "vit-s": "vit_small",
    "ConvNet-D6": "convnet-d6",
    "convnet_d5": "convnet-d5",
    "conv4": "convnet-d4-bn",
}


@pytest.mark.parametrize("spelling", SPELLINGS)
def test_other_spellings_are_led_to_the_name(spelling):
    with pytest.raises(UserError, match=f"did you mean '{SPELLINGS[spelling]}'"):
        PLUGINS.get("architecture", spelling)


@pytest.mark.parametrize("name", NAMES)
def test_hyphens_and_case_lead_back_to_the_same_name(name):
    for spelling in (name.upper(), name.replace("_", "-"), name.replace("-", "_"), name.replace("_", "")):
        assert near(spelling, NAMES) == name


def test_listing_imports_no_torch():
    code = (
        "import sys; from ccbench.offers.discovery import Plugins;"
        "p = Plugins(discover=False, extra=('cc_plugins.architectures',));"
        "assert 'swinv2_tiny' in p.all('architecture');"
        "sys.exit(bool({'torch', 'timm', 'torchvision', 'numpy'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
