"""Matching training trajectories: MTT and TESLA, and the experts that both follow. The offers only."""

from __future__ import annotations

from dataclasses import replace

from cc_plugins.distill._params import AUGMENT, STORE, beginning
from ccbench.plugin import MethodSpec, Param, StageSpec, hookimpl

STORES = (
    "for each image of the budget three values of 32, 16 or 8 bits a pixel (store=float32, float16 or uint8), the mean "
    "and deviation that they were normalised by, its label and the learning rate that was learned; the formula counts "
    "them as whole images (IPC)"
)
_NETWORK = Param(
    name="network",
    default="convnet",  # the name under which convnet-d3 stands in rows
    choices="architecture",
    doc="network whose training is followed; without batch normalisation",
)
_LR_EXPERT = Param(name="lr_expert", default=0.01, low=0, high=1e6, doc="learning rate of the experts (SGD)")
_EXPERT_BATCH = Param(name="expert_batch", default=256, low=1, high=1_000_000, doc="images in a batch of the experts")
_EXPERT_AUGMENT = replace(
    AUGMENT, name="expert_augment", doc="as augment, of the images that experts see; each batch another transform"
)

_SHARED = (
    Param(name="steps", default=5000, low=1, high=10_000_000, doc="updates of the pictures"),
    Param(name="lr", default=1000.0, low=0, high=1e9, doc="learning rate of the pictures"),
    Param(name="lr_lr", default=1e-5, low=0, high=1e6, doc="learning rate of the student's learning rate"),
    Param(name="lr_net", default=0.01, low=1e-9, high=1e3, doc="learning rate of the student at first; it is learned"),
    Param(name="inner", default=20, low=1, high=100_000, doc="updates of the student on the pictures in a step"),
    Param(name="stride", default=3, low=1, high=10_000, doc="epochs of an expert that they are to be worth"),
    Param(name="start", default=25, low=1, high=10_000, doc="epochs of an expert before which a student begins"),
    Param(name="batch", default=None, type=int, low=1, high=1_000_000, doc="pictures in each update; auto: all"),
    Param(name="experts", default=100, low=1, high=100_000, doc="how many; all methods and seeds share them"),
    Param(name="expert_epochs", default=50, low=1, high=10_000, doc="length of an expert's training"),
    _LR_EXPERT,
    _EXPERT_BATCH,
    _EXPERT_AUGMENT,
    beginning("real"),
    STORE,
    _NETWORK,
    replace(AUGMENT, doc="siamese augmentation of the pictures: transforms joined by _, one for each update; or none"),
)
_COST = (
    "steps x inner updates of a student, differentiated through; the trainings of experts, once for all budgets, seeds "
    "and both methods, whose weights after every epoch stay in the cache"
)

MTT = MethodSpec(
    name="mtt",
    target="cc_plugins.trajectories.method:MTT",
    version="1",
    summary="distils pictures on which a network goes the way that it goes on the training images",
    params=_SHARED,
    needs=("expert",),
    stores=STORES,
    image_bytes="cc_plugins.distill._params:image_bytes",
    disk="cc_plugins.trajectories.disk:bytes_of_experts",
    cost=f"{_COST}; memory grows with inner",
    costly=True,
)

TESLA = MethodSpec(
    name="tesla",
    target="cc_plugins.trajectories.method:TESLA",
    version="1",
    summary="mtt in memory that does not grow with the student's updates, with soft labels on request",
    params=(
        *_SHARED,
        Param(
            name="second_order",
            default=False,
            doc="also what a picture changes in later gradients: the very gradient of mtt, which TESLA leaves out",
        ),
        Param(name="soft_labels", default=False, doc="labels begin as an expert's predictions and are learned, too"),
        Param(name="lr_labels", default=2.0, low=0, high=1e6, doc="learning rate of the labels; 0 keeps the expert's"),
    ),
    needs=("expert",),
    stores=f"{STORES}; with soft_labels=true 16 bits for each class and picture",
    image_bytes="cc_plugins.distill._params:image_bytes",
    disk="cc_plugins.trajectories.disk:bytes_of_experts",
    cost=_COST,
    costly=True,
)

EXPERT = StageSpec(
    name="expert",
    target="cc_plugins.trajectories.experts:run",
    version="1",
    summary="the weights of a network after every epoch of one training on the training images",
    paper="Cazenavette et al., Dataset Distillation by Matching Training Trajectories, CVPR 2022",
    params=(
        Param(name="expert", default=0, low=0, high=1 << 40, doc="another number, another training"),
        Param(name="epochs", default=50, low=1, high=10_000, doc="length of the training"),
        _LR_EXPERT,
        _EXPERT_BATCH,
        _EXPERT_AUGMENT,
        _NETWORK,
    ),
)


@hookimpl
def ccbench_methods() -> list[MethodSpec]:
    """MTT and TESLA."""
    return [MTT, TESLA]


@hookimpl
def ccbench_stages() -> list[StageSpec]:
    """What they follow."""
    return [EXPERT]
