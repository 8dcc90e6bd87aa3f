"""The protocols with a teacher hold what their sources' released codes do, restated here as plain code."""

import pytest

from ccbench.budget import DataShape
from ccbench.offers.discovery import Plugins
from ccbench.training.protocols import load_protocol

FOUND = Plugins(discover=False, extra=("cc_plugins.protocols",))
SHAPES = {
    "cifar10": DataShape(50_000, 32, 32, 10),
    "cifar100": DataShape(50_000, 32, 32, 100),
    "tinyimagenet": DataShape(100_000, 64, 64, 200),
    "imagenet-nette": DataShape(9_469, 224, 224, 10),
    "imagenet-100": DataShape(126_689, 224, 224, 100),
    "imagenet-1k": DataShape(1_281_167, 224, 224, 1000),
}


def rdeds_batch(subset, classes, ipc):
    batch = {50: 100, 10: 50, 1: 10}[ipc]
    if classes in (100, 1000):
        batch *= 2
    if subset == "tinyimagenet":
        batch = 100
    return min(batch, ipc * classes)


def dc3s_batch(subset, classes, ipc):
    batch = {50: 200, 10: 50, 1: 10}[ipc]
    if classes == 10:
        batch *= 5
    if classes == 100:
        batch *= 2
    if subset == "cifar100":
        batch = 50 if ipc == 1 else 10 * ipc * 2
    if subset == "tinyimagenet":
        batch = 100 if ipc == 1 else 10 * 5 * ipc
    if subset == "imagenet-1k":
        batch = 1000 if ipc == 1 else 2000
    return min(batch, ipc * classes)


@pytest.mark.parametrize("subset", SHAPES)
@pytest.mark.parametrize("ipc", [1, 10, 50])
def test_batches_epochs_and_views_of_every_dataset_and_ipc(subset, ipc):
    shape = SHAPES[subset]
    kept = ipc * shape.classes
    for name, batch in (("rded", rdeds_batch), ("dc3", dc3s_batch)):
        for variant in (name, f"{name}-hard"):
            recipe = load_protocol(variant, FOUND).train.resolve(None, shape, kept)
            assert recipe.batch == batch(subset, shape.classes, ipc), variant
            epochs = 2000 if (name, subset) == ("dc3", "cifar10") else 300
            assert recipe.steps(kept) == epochs * -(-kept // recipe.batch)
            factor = 1 if name == "rded" and shape.height <= 64 else 2  # scripts of RDED; DC3 has 2 everywhere
            assert recipe.shuffle_patches == factor
            assert recipe.crop_scale in ({0.0, 1.0} if factor == 1 else {1 / factor})


RATES = {
    "resnet18": 1e-3, "resnet101": 1e-3, "convnet-d3": 1e-3, "vgg11": 5e-4, "vgg11_bn": 5e-4,
    "efficientnet_b0": 2e-3, "mobilenetv2_100": 2.5e-3, "swinv2_tiny_window8_256": 1e-4,
    "swin_tiny_patch4_window7_224": 1e-4, "vit_small_patch16_224": 1e-4, "shufflenet_v2_x1_0": 1e-3,
}  # fmt: skip


@pytest.mark.parametrize("name", ["rded", "rded-hard", "dc3", "dc3-hard"])
def test_rates_by_network(name):
    train = load_protocol(name, FOUND).train
    assert {a: train.resolve(a, SHAPES["imagenet-1k"], 10_000).lr for a in RATES} == RATES


@pytest.mark.parametrize(("name", "start"), [("rded", 0.8), ("dc3", 0.01)])
def test_what_is_the_same_everywhere(name, start):
    protocol = load_protocol(name, FOUND)
    train = protocol.train
    assert (protocol.architecture, protocol.teacher.architecture, protocol.proxy.architecture) == ("resnet18",) * 3
    assert (train.optimizer, train.betas, train.weight_decay, train.decay) == ("adamw", (0.9, 0.999), 0.01, "matrices")
    assert (train.schedule, train.cosine_length, train.schedule_step, train.lr_min, train.warmup) == (
        "cosine", 2.0, "epoch", 0.0, 0.0,
    )  # fmt: skip
    assert (train.labels, train.temperature, train.mix, train.mix_alpha) == ("teacher", 20.0, "cutmix", 1.0)
    assert (train.normalise, train.flip, train.crop_padding, train.center_crop) == ("imagenet", True, 0, True)
    assert (train.epochs_of, train.batchnorm_updates) == ("budget", 2)
    assert (train.evaluate_every_epochs, train.evaluate_from) == (10, start)


@pytest.mark.parametrize("name", ["rded", "dc3"])
def test_hard_variants_differ_by_the_supervision_alone(name):
    soft, hard = (load_protocol(n, FOUND) for n in (name, f"{name}-hard"))
    assert (soft.teacher, soft.proxy) == (hard.teacher, hard.proxy)
    differ = {key for key in hard.train.__dict__ if getattr(soft.train, key) != getattr(hard.train, key)}
    assert differ == {"labels", "temperature", "mix", "batchnorm_updates"}
    assert (hard.train.labels, hard.train.mix, hard.train.batchnorm_updates) == ("hard", "none", 1)


def test_teachers_of_small_and_large_images():
    teacher = load_protocol("rded", FOUND).teacher
    small = teacher.resolve(None, SHAPES["cifar10"], 50_000)
    large = teacher.resolve(None, SHAPES["imagenet-nette"], 9_469)
    whole = teacher.resolve(None, SHAPES["imagenet-1k"], 1_281_167)
    assert (small.crop_padding, small.crop_scale, small.batch, small.epochs) == (4, 0.0, 128, 200.0)
    assert (large.crop_padding, large.crop_scale, large.batch, large.epochs) == (0, 0.08, 256, 200.0)
    assert whole.epochs == 90.0
    assert load_protocol("dc3", FOUND).teacher == teacher


def test_quick_soft_makes_quicks_updates_and_shares_its_proxy():
    quick, soft = (load_protocol(name, FOUND) for name in ("quick", "quick-soft"))
    assert soft.proxy.axes() == quick.proxy.axes()
    assert soft.teacher == soft.proxy
    for images in (1_297, 50_000):
        assert soft.train.steps(images) == quick.train.steps(images)
    assert soft.train.batch == quick.train.batch
    assert (soft.train.labels, soft.train.mix) == ("teacher", "cutmix")
