"""Fewer levels for each channel value instead of fewer colours. Specs only."""

from __future__ import annotations

from ccbench.plugin import GroupSpec, MethodSpec, Param, hookimpl


@hookimpl
def ccbench_methods() -> list[MethodSpec]:
    """Linear quantisation of images, and of patches."""
    return [
        MethodSpec(
            name="linear-quant",
            target="cc_plugins.levels.linear:LinearQuant",
            version="1",
            budgets="bits",
            bits=tuple(range(3, 25)),
            random=False,
            summary="channel values as few even levels, more bits for images that lose more",
            params=(
                Param(
                    name="allocation",
                    default="adaptive",
                    choices=("adaptive", "uniform"),
                    doc="adaptive: bits go where they save most squared error, at the same total; uniform: the same "
                    "whole bits for each image, at most what the budget allows",
                ),
                Param(
                    name="bounds",
                    default="symmetric",
                    choices=("symmetric", "extremes"),
                    doc="symmetric: about mid-grey, as far as the image reaches; extremes: its least and greatest "
                    "value in each channel (not in the paper)",
                ),
            ),
            stores="b bits for each channel value, b and the bounds (2 or 6 bytes) of each image, the labels",
            cost="adaptive: every image quantised eight times, under a millisecond each for small ones",
        ),
        MethodSpec(
            name="patch-quant",
            target="cc_plugins.levels.patches:PatchQuant",
            version="1",
            budgets="bits",
            bits=tuple(range(3, 25, 3)),
            summary="channel values as few even levels between bounds that similar patches share",
            params=(
                Param(name="patch", default=8, low=1, high=1024, doc="pixels on a side of a patch; at most the image"),
                Param(
                    name="groups",
                    default=256,
                    low=0,
                    high=65_536,
                    doc="different bounds in the whole set, shared by patches with similar ones; 0: each has its own",
                ),
                Param(
                    name="refine", default=2, low=0, high=100, doc="rounds of fitting bounds to the levels they gave"
                ),
            ),
            stores="b bits for each channel value, which bounds each patch has, the bounds (6 bytes), the labels",
            cost="k-means on the bounds of patches, then two rounds over all pixels",
        ),
    ]


@hookimpl
def ccbench_groups() -> list[GroupSpec]:
    """Both."""
    names = tuple(spec.name for spec in ccbench_methods())
    return [GroupSpec(name="levels", methods=names, summary="methods that give channel values fewer levels")]
