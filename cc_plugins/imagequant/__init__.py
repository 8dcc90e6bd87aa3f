"""libimagequant, the quantiser of pngquant, where its package is installed: it is under the GPL. Specs only."""

from __future__ import annotations

from ccbench.plugin import MethodSpec, Param, hookimpl


@hookimpl
def ccbench_methods() -> list[MethodSpec]:
    """Its palettes."""
    return [
        MethodSpec(
            name="imagequant",
            target="cc_plugins.imagequant.method:ImageQuant",
            version="1",
            budgets="bits",
            random=False,
            summary="a palette per image by libimagequant, as in pngquant",
            params=(
                Param(
                    name="dither",
                    default=0.0,
                    low=0.0,
                    high=1.0,
                    doc="how much of an error is passed on to the neighbours; 1 is what pngquant does",
                ),
            ),
            ready="cc_plugins.imagequant.method:ready",
            identity="cc_plugins.imagequant.method:identity",
            stores="q bits per pixel, one palette of 2^q colours per image, and the labels",
            cost="a few milliseconds per small image",
        )
    ]
