"""The recipes hold what the paper says."""

import dataclasses

import pytest

from ccbench.budget import DataShape
from ccbench.offers.discovery import Plugins
from ccbench.training.learning_rate import learning_rate
from ccbench.training.protocols import load_protocol
from ccbench.training.siamese import STRATEGY

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


@pytest.mark.parametrize(("name", "epochs"), [
    ("dcq-cifar-50", 50), ("dcq-cifar-100-epochs", 100), ("dcq-cifar-125-epochs", 125), ("dcq-cifar-150-epochs", 150),
])  # fmt: skip
def test_the_lengths_of_table_20_are_dcq_cifar_with_fewer_updates(name, epochs):
    own, longer = load_protocol(name, FOUND), load_protocol("dcq-cifar", FOUND)
    assert own.train == dataclasses.replace(longer.train, iterations=195 * epochs)  # whole batches of 256
    assert own.proxy == dataclasses.replace(longer.proxy, epochs=epochs)


@pytest.mark.parametrize(("name", "change"), [
    ("dcq-cifar-color-jitter", {"color_jitter": 0.4}), ("dcq-cifar-gaussian-blur", {"blur": 3}),
])  # fmt: skip
def test_the_augmentations_of_table_17_are_added_to_dcq_cifar_and_files_stay(name, change):
    own, plain = load_protocol(name, FOUND), load_protocol("dcq-cifar", FOUND)
    assert own.train == dataclasses.replace(plain.train, **change)
    assert own.proxy == plain.proxy


def test_dcq_tiny_imagenet_is_appendix_a1():
    protocol = load_protocol("dcq-tiny-imagenet", FOUND)
    train = protocol.train.resolve(None, DataShape(100_000, 64, 64, 200), 8_333)
    assert (train.architecture, train.batch) == ("resnet18", 128)
    assert train.steps(100_000) * 128 == 60 * 100_000  # of all images, whatever is kept
    assert (train.optimizer, train.lr, train.momentum, train.weight_decay) == ("sgd", 0.1, 0.9, 2e-4)
    assert (train.schedule, train.lr_min, train.warmup) == ("cosine", 1e-4, 0.0)
    assert (train.crop_padding, train.flip, train.nesterov, train.labels) == (8, True, False, "hard")
    assert protocol.proxy == protocol.train


def test_dcq_imagenet_is_appendix_a1_with_the_views_of_ccs():
    protocol = load_protocol("dcq-imagenet", FOUND)
    train = protocol.train.resolve(None, DataShape(1_281_167, 224, 224, 1000), 50_000)
    assert (train.architecture, train.batch, train.steps(1_281_167)) == ("resnet34", 256, 300_000)
    assert (train.optimizer, train.lr, train.momentum, train.weight_decay) == ("sgd", 0.1, 0.9, 1e-4)
    assert (train.schedule, train.lr_min, train.warmup) == ("cosine", 1e-4, 0.0)
    assert (train.crop_padding, train.crop_scale, train.flip, train.center_crop) == (0, 0.08, True, True)
    assert (train.normalise, train.nesterov, train.labels) == ("imagenet", False, "hard")
    scores = dataclasses.replace(protocol.train, iterations=None, epochs=60.0, center_crop=False)
    assert protocol.proxy == scores


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


def test_distilled_is_the_evaluation_of_the_condensation_papers():
    shape = DataShape(50_000, 32, 32, 10)
    protocols = {name: load_protocol(name, FOUND) for name in ("distilled", "distilled-dc", "distilled-soft")}
    for protocol in protocols.values():
        train = protocol.train.resolve(None, shape, 10)
        assert (train.architecture, train.optimizer, train.lr, train.momentum, train.weight_decay) == (
            "convnet-d3", "sgd", 0.01, 0.9, 5e-4,
        )  # fmt: skip
        assert (train.batch, train.nesterov, train.flip, train.crop_padding, train.mix) == (10, False, False, 0, "none")
    train = protocols["distilled"].train
    assert [train.resolve(None, shape, kept).steps(kept) for kept in (10, 100, 500)] == [1000, 1000, 2000]
    rates = [learning_rate(train, i, 2000) for i in (0, 999, 1000, 1999)]
    assert [round(rate, 6) for rate in rates] == [0.01, 0.01, 0.001, 0.001]
    assert train.siamese == STRATEGY
    assert (train.labels, train.learned_lr) == ("hard", False)
    dc = dataclasses.replace(train, epochs=300.0, siamese="none")
    assert protocols["distilled-dc"].train == dc
    assert protocols["distilled-soft"].train == dataclasses.replace(train, labels="soft", learned_lr=True)
    plain = load_protocol("distilled-plain", FOUND)
    assert plain.train == dataclasses.replace(protocols["distilled"].train, siamese="none")
    assert plain.proxy == protocols["distilled"].proxy  # so that a method gives the same file under both


SPECS = [FOUND.get("protocol", name) for name in FOUND.all("protocol")]


@pytest.mark.parametrize("spec", [s for s in SPECS if s.hard or s.plain], ids=lambda spec: spec.name)
def test_counterparts_of_a_protocol_make_the_same_files(spec):
    own = load_protocol(spec.name, FOUND)
    others = [load_protocol(other, FOUND) for other in (spec.hard, spec.plain) if other]
    assert own.train.labels != "hard" if spec.hard else own.train.siamese != "none"
    for other in others:
        assert other.train.labels == "hard"
        assert (other.proxy, other.teacher) == (own.proxy, own.teacher)
