"""Shared work that is done once per training set and read by every method that asks. Specs only."""

from __future__ import annotations

from ccbench.offers.hookspecs import hookimpl
from ccbench.offers.specs import Param, StageSpec

_PROXY = Param(
    name="proxy",
    default=None,
    type=str,
    choices="architecture",
    doc="architecture of the proxy network; auto: the protocol's own",
)


@hookimpl
def ccbench_stages() -> list[StageSpec]:
    """The proxy run and what is read off its network."""
    return [
        StageSpec(
            name="proxy",
            target="ccbench.stages.proxy:run",
            version="2",
            params=(_PROXY,),
            whole=True,
            trains="proxy",
            summary="one network trained on the whole training split; every training-dynamics score comes out of it",
        ),
        StageSpec(
            name="score",
            target="ccbench.stages.score:run",
            version="2",
            whole=True,
            needs=("proxy",),
            summary="one training-dynamics score of every training image",
            params=(Param(name="score", default="aum", choices="score", doc="a name of `ccbench list scores`"), _PROXY),
        ),
        StageSpec(
            name="features",
            target="ccbench.stages.features:run",
            version="1",
            needs=("proxy",),
            summary="feature maps of the proxy network, pooled and flattened",
            params=(
                Param(
                    name="layer",
                    default="shallow",
                    choices=("shallow", "mid1", "mid2", "final", "penultimate"),
                    doc="first residual block, second and third stage, last stage, or the classifier's input",
                ),
                Param(name="pool", default=4, low=1, high=64, doc="cells along each side of the pooled map"),
                _PROXY,
            ),
        ),
        StageSpec(
            name="last-layer",
            target="ccbench.stages.last_layer:run",
            version="1",
            params=(_PROXY,),
            needs=("proxy",),
            summary="the classifier's input and the logits of the proxy network, which give its last layer's gradients",
        ),
        StageSpec(
            name="teacher",
            target="ccbench.stages.teacher:run",
            version="2",
            params=(
                Param(
                    name="teacher",
                    default=None,
                    type=str,
                    choices="architecture",
                    doc="architecture of the teacher; auto: the protocol's",
                ),
            ),
            whole=True,
            trains="teacher",
            summary="the network that labels and ranks pictures: trained on the whole training split, or imported",
        ),
        StageSpec(
            name="attention",
            target="ccbench.stages.attention:run",
            version="2",
            needs=("proxy",),
            summary="where the proxy network looks for the true class, per pixel",
            params=(
                Param(
                    name="cam",
                    default="gradcam++",
                    choices=("gradcam++", "gradcam", "layercam", "rise", "hirescam", "xgradcam", "elementwise"),
                    doc="the saliency method",
                ),
                _PROXY,
                Param(name="masks", default=256, low=8, high=100_000, doc="random masks of rise; the others ignore it"),
            ),
        ),
    ]
