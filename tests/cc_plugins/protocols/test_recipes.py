"""The recipes hold what the paper says."""

import dataclasses

from ccbench.offers.discovery import Plugins
from ccbench.training.protocols import load_protocol

FOUND = Plugins(discover=False, extra=("cc_plugins.protocols",))


def test_dcq_cifar_is_appendix_a1():
    protocol = load_protocol("dcq-cifar", FOUND)
    train = protocol.train
    assert protocol.architecture == "resnet18"
    assert (train.steps(50_000), train.steps(10), train.batch) == (40_000, 40_000, 256)
    assert (train.optimizer, train.lr, train.momentum, train.weight_decay) == ("sgd", 0.1, 0.9, 2e-4)
    assert (train.schedule, train.lr_min, train.warmup) == ("cosine", 1e-4, 0.0)
    assert (train.crop_padding, train.padding_mode, train.flip, train.label_smoothing) == (4, "zeros", True, 0.0)
    assert (train.labels, train.evaluate_every) == ("hard", 0)
    proxy = protocol.proxy
    assert (proxy.architecture, proxy.epochs, proxy.batch, proxy.nesterov, proxy.weight_decay) == (
        "resnet18",
        200,
        256,
        True,
        5e-4,
    )
    assert proxy.steps(50_000) == 39_063


def test_quick_gives_el2n_its_ten_epochs():
    protocol = load_protocol("quick", FOUND)
    assert protocol.proxy.architecture == protocol.architecture == "quicknet"
    for images in (1_297, 50_000):
        assert protocol.proxy.steps(images) * protocol.proxy.batch >= 10 * images
        assert protocol.train.steps(images) == max(
            protocol.train.min_iterations, -(-int(protocol.train.epochs * images) // protocol.train.batch)
        )


def test_standard_is_quick_four_times_as_long_and_shares_its_proxy():
    quick, standard = (load_protocol(name, FOUND) for name in ("quick", "standard"))
    assert standard.proxy == quick.proxy
    assert standard.train.steps(50_000) == 7_813  # 20 epochs of 390.625 batches
    assert standard.train == dataclasses.replace(quick.train, epochs=20, min_iterations=1000)
