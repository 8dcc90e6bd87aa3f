"""The last linear layer of every network that is listed: its input makes the logits, and it alone."""

import pytest
import torch

from ccbench.errors import Unfit, UserError
from ccbench.offers.discovery import Plugins
from ccbench.stages.layers import last_linear
from ccbench.training import build_network

PLUGINS = Plugins(discover=False, extra=("cc_plugins.architectures",))
# the width of the classifier's input, from the networks' papers; a ConvNet's is 128 x side x side
WIDTHS = {
    "quicknet": 96,
    "resnet18": 512,
    "resnet34": 512,
    "resnet50": 2048,
    "resnet101": 2048,
    "mobilenet_v2": 1280,
    "efficientnet_b0": 1280,
    "shufflenet_v2": 1024,
    "shufflenet_v2_x0_5": 1024,
    "swin_tiny": 768,
    "swinv2_tiny": 768,
    "vit_small": 384,
    "convnet": 128 * 4**2,
    **{f"convnet-d{d}{norm}": 128 * (32 >> d) ** 2 for d in (3, 4, 5) for norm in ("", "-bn")},
}


def penultimate(network, images):
    """Logits and what went into the last linear layer, by the hook that the features stage uses."""
    seen = []
    hook = last_linear(network).register_forward_pre_hook(lambda _m, inputs: seen.append(inputs[0]))
    logits = network(images)
    hook.remove()
    assert len(seen) == 1
    return logits, seen[0]


@pytest.mark.parametrize("name", PLUGINS.names("architecture"))
def test_logits_are_the_layer_of_its_input(name):
    try:
        network = build_network(name, classes=7, image_size=32, seed=0, plugins=PLUGINS).eval()
    except Unfit:
        assert name.startswith("convnet-d6")
        return
    with torch.no_grad():
        logits, features = penultimate(network, torch.randn(3, 3, 32, 32))
        assert features.shape == (3, WIDTHS[name])
        assert logits.shape == (3, 7)
        torch.testing.assert_close(last_linear(network)(features), logits)
        # it is the classifier: no other layer stands between it and the logits
        last_linear(network).weight.zero_()
        torch.testing.assert_close(
            network(torch.randn(3, 3, 32, 32)), last_linear(network).bias.expand(3, 7), rtol=0, atol=0
        )


def test_none_is_said():
    with pytest.raises(UserError, match="no linear classifier"):
        last_linear(torch.nn.Conv2d(3, 4, 3))
