"""RDED, patches of real images that a teacher finds realistic: the offers only."""

from __future__ import annotations

from cc_plugins.synthetic import STORES, stored
from ccbench.plugin import MethodSpec, Param, StageSpec, hookimpl

_MIPC = Param(name="mipc", default=300, low=1, high=10_000_000, doc="images of each class that are looked at")
_CROPS = Param(name="crops", default=5, low=1, high=10_000, doc="random crops of each of them")
_TEACHER = Param(
    name="teacher", default=None, type=str, choices="architecture", doc="network that ranks and labels; auto: the run's"
)

RDED = MethodSpec(
    name="rded",
    target="cc_plugins.rded.method:RDED",
    version="1",
    summary="Patches of real images with the lowest teacher loss, several of them side by side in each picture",
    params=(
        _MIPC,
        _CROPS,
        Param(
            name="factor",
            default=None,
            type=int,
            low=1,
            high=64,
            doc="patches along each side of a picture; auto: 1 up to 64 pixels, 2 above",
        ),
        *stored(chroma="420"),
        _TEACHER,
    ),
    budgets="fraction",
    random=True,
    needs=("teacher", "realism"),
    stores=STORES,
    cost="crops x mipc forward passes of the teacher for each class, once for all budgets of a seed; cutting and "
    "encoding on the CPU",
)

REALISM = StageSpec(
    name="realism",
    target="cc_plugins.rded.realism:run",
    version="1",
    needs=("teacher",),
    summary="the crop of each image that the teacher recognises best, and its loss there",
    paper="Sun et al., On the Diversity and Realism of Distilled Dataset, CVPR 2024",
    params=(
        _MIPC,
        _CROPS,
        Param(name="factor", default=1, low=1, high=64, doc="a crop has 1/factor of an image's height and width"),
        Param(name="draw", default=0, low=0, high=1 << 62, doc="another number, other images and crops"),
        _TEACHER,
    ),
)


@hookimpl
def ccbench_methods() -> list[MethodSpec]:
    """RDED."""
    return [RDED]


@hookimpl
def ccbench_stages() -> list[StageSpec]:
    """What it ranks by."""
    return [REALISM]
