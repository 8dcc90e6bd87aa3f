"""Selection classes of a DeepCore checkout, unchanged, on our datasets and networks: rows to compare ours with."""

from __future__ import annotations

from ccbench.plugin import MethodSpec, Need, Param, hookimpl

_NETWORK = "network that the selection looks at; auto: the protocol's proxy"
_EPOCHS = "for which DeepCore trains it anew (--selection_epochs); 0: it looks at our trained proxy, as our methods do"
_TRAINING = "DeepCore trains a network of its own for every selection; its memory may grow with the square of images"


@hookimpl
def ccbench_methods() -> list[MethodSpec]:
    """``deepcore:NAME`` for every selection class."""
    return [
        MethodSpec(
            name="deepcore:",
            target="cc_plugins.deepcore.method:DeepCore",
            version="1",
            summary="a selection class of a DeepCore checkout, unchanged: deepcore:Craig",
            params=(
                Param(name="home", default="", type=str, doc="folder of the checkout; empty: CCBENCH_DEEPCORE"),
                Param(name="proxy", default=None, type=str, choices="architecture", doc=_NETWORK),
                Param(name="epochs", default=40, low=0, high=10_000, doc=_EPOCHS),
                Param(name="batch", default=256, low=1, high=65_536, doc="images of a batch (--selection_batch)"),
                Param(name="lr", default=0.1, low=0, high=100, doc="constant learning rate (--selection_lr)"),
                Param(name="balance", default=True, doc="select within each class (--balance)"),
                Param(name="function", default="GraphCut", doc="of class Submodular (--submodular)"),
                Param(name="greedy", default="LazyGreedy", doc="of Submodular and Craig (--submodular_greedy)"),
                Param(name="uncertainty", default="Entropy", doc="of class Uncertainty (--uncertainty)"),
            ),
            needs=(Need("proxy", when={"epochs": 0}),),
            identity="cc_plugins.deepcore.checkout:content",
            ready="cc_plugins.deepcore.checkout:ready",
            stores="the kept images, 24 bits per pixel, their labels, and weights where the class gives some",
            cost=_TRAINING,
        )
    ]
