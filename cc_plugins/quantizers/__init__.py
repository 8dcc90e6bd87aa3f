"""Per-image colour quantisers that users know; every image gets its own palette. Specs only."""

from __future__ import annotations

from ccbench.plugin import GroupSpec, MethodSpec, Param, hookimpl

_STORES = "q bits per pixel, one palette of 2^q colours per image, and the labels"


@hookimpl
def ccbench_methods() -> list[MethodSpec]:
    """Median cut, octree and k-means."""
    return [
        MethodSpec(
            name="mediancut",
            target="cc_plugins.quantizers.pillow:MedianCut",
            version="1",
            budgets="bits",
            random=False,
            summary="a palette per image by median cut (Pillow)",
            stores=_STORES,
            cost="a millisecond per small image",
        ),
        MethodSpec(
            name="octree",
            target="cc_plugins.quantizers.pillow:Octree",
            version="1",
            budgets="bits",
            random=False,
            summary="a palette per image by fast octree (Pillow)",
            stores=_STORES,
            cost="a millisecond per small image",
        ),
        MethodSpec(
            name="kmeans",
            target="cc_plugins.quantizers.kmeans:KMeansPalettes",
            version="1",
            budgets="bits",
            summary="a palette per image by k-means on its colours (scikit-learn)",
            stores=_STORES,
            cost="several milliseconds per small image",
            params=(
                Param(name="restarts", default=1, low=1, high=100, doc="k-means runs per image; the best is kept"),
                Param(name="iterations", default=20, low=1, high=1000, doc="most iterations of a run"),
            ),
        ),
    ]


@hookimpl
def ccbench_groups() -> list[GroupSpec]:
    """All of these."""
    names = tuple(spec.name for spec in ccbench_methods())
    return [GroupSpec(name="quantizers", methods=names, summary="methods that give every image a palette of its own")]
