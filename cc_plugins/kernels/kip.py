"""KIP: pictures from which kernel ridge regression predicts the training set. The offer only."""

from __future__ import annotations

from cc_plugins.distill._params import STORES, matching
from ccbench.plugin import MethodSpec, Param

_SHARED = matching(steps=1000, steps_doc="updates of all pictures, each on other targets", lr=0.04, init="real")

SPEC = MethodSpec(
    name="kip",
    target="cc_plugins.kernels._inducing:KernelInducingPoints",
    version="1",
    summary="distils pictures from which the kernel of an infinitely wide network predicts the training images",
    params=(
        *(param for param in _SHARED if param.name not in {"batch", "network"}),
        Param(
            name="kernel",
            default="fc",
            choices=("fc",),
            doc="of which network: fully connected with ReLU; convolutional ones are not here, see the card",
        ),
        Param(name="depth", default=1, low=1, high=100, doc="hidden layers of the network"),
        Param(
            name="function",
            default="ntk",
            choices=("ntk", "nngp"),
            doc="the kernel of the network trained by gradient descent, or of its values before training",
        ),
        Param(name="targets", default=5000, low=1, high=1_000_000, doc="training images that a step predicts"),
        Param(
            name="ridge",
            default=1e-6,
            low=1e-12,
            high=1e6,
            doc="of the regression, as a share of the mean of the kernel's diagonal",
        ),
        Param(
            name="labels",
            default="fixed",
            choices=("fixed", "learned"),
            doc="whether the labels of the pictures move with them; learned ones are stored as soft labels",
        ),
    ),
    stores=STORES + "; soft labels (labels=learned)",
    image_bytes="cc_plugins.distill._params:image_bytes",
    cost="in each step the kernel between all pictures and the targets, and one linear system of all pictures; float64",
)
