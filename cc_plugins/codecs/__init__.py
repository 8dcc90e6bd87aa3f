"""Lossy image codecs as methods: every image stays, the quality gives way. Specs only."""

from __future__ import annotations

from ccbench.plugin import GroupSpec, MethodSpec, Param, hookimpl

CODECS = ("jpeg", "webp", "avif", "jxl")

_SHARED = (
    Param(
        name="mosaic",
        default=None,
        type=int,
        low=1,
        high=4096,
        doc="images side by side in a file; auto: up to 256, within 1,024 pixels; with 1 what all files begin with is "
        "stored once",
    ),
    Param(
        name="quality",
        default=None,
        type=int,
        low=0,
        high=100,
        doc="of the codec; auto: the highest that the budget allows, and the next one for as many files as still fit",
    ),
)
_EFFORTS = {
    "webp": Param(name="effort", default=4, low=0, high=6, doc="6 is slowest and smallest (libwebp's method)"),
    "avif": Param(name="effort", default=4, low=0, high=10, doc="10 is slowest and smallest (10 - libavif's speed)"),
    "jxl": Param(name="effort", default=7, low=1, high=9, doc="9 is slowest and smallest"),
}


def _chroma(default: str) -> Param:
    return Param(
        name="chroma",
        default=default,
        choices=("444", "420"),
        doc="444: colour at full resolution, 420: at half of it both ways",
    )


_STORES = "the codec's files, the labels; with several images in a file nothing else, otherwise their lengths"


def _codec(name: str, title: str, *params: Param, cost: str, ready: str = "") -> MethodSpec:
    return MethodSpec(
        name=name,
        target=f"cc_plugins.codecs.method:{title}",
        version="1",
        budgets="any",
        random=False,
        summary=f"every image, as lossy {name.upper()} of the quality that the budget allows",
        params=(*_SHARED, *params),
        ready=ready,
        stores=_STORES,
        cost=cost,
    )


@hookimpl
def ccbench_methods() -> list[MethodSpec]:
    """JPEG, WebP, AVIF and JPEG XL, and any of them on smaller images."""
    search = "up to 7 encodings of a sixteenth of the images and 2 or 3 of all"
    return [
        _codec("jpeg", "Jpeg", _chroma("420"), cost=search),
        _codec("webp", "WebP", _EFFORTS["webp"], cost=search),
        _codec("avif", "Avif", _chroma("444"), _EFFORTS["avif"], cost=search, ready="cc_plugins.codecs.ready:avif"),
        _codec("jxl", "JpegXL", _EFFORTS["jxl"], cost=search, ready="cc_plugins.codecs.ready:jxl"),
        MethodSpec(
            name="downscale",
            target="cc_plugins.codecs.method:Downscale",
            version="1",
            budgets="any",
            random=False,
            summary="every image at a lower resolution, as a lossy file; enlarged again by Pillow's bicubic filter",
            params=(
                Param(name="factor", default=2.0, low=1.0, high=32.0, doc="by which height and width are divided"),
                Param(name="codec", default="jpeg", choices=CODECS, doc="of the small images, at its own defaults"),
                *_SHARED,
            ),
            ready="cc_plugins.codecs.ready:downscale",
            stores=_STORES,
            cost=search,
        ),
    ]


@hookimpl
def ccbench_groups() -> list[GroupSpec]:
    """All that need no extra package; and what is worth a try on any set of pictures, the cheapest first."""
    names = tuple(spec.name for spec in ccbench_methods() if spec.name != "jxl")
    everyday = ("random", "jpeg", "webp", "avif", "downscale", "mediancut", "ccs", "dcq")
    return [
        GroupSpec(name="codecs", methods=names, summary="lossy image codecs that come with the installation"),
        GroupSpec(name="everyday", methods=everyday, summary="what ccbench recommend tries unasked, cheap ones first"),
    ]
