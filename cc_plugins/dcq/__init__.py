"""DCQ, dataset colour quantisation: the offers only; the work is in :mod:`cc_plugins.dcq.method`."""

from dataclasses import replace

from ccbench.plugin import MethodSpec, Param, hookimpl

FEATURES = ("shallow", "mid1", "mid2", "final", "image", "label", "random", "pca", "histogram", "ccv", "glcm")
ATTENTION = ("gradcam++", "gradcam", "layercam", "rise", "hirescam", "xgradcam", "elementwise", "none")

DCQ = MethodSpec(
    name="dcq",
    target="cc_plugins.dcq.method:DCQ",
    version="2",
    summary="Dataset colour quantisation: palettes shared by similar images, led by attention, refined for edges",
    params=(
        Param(
            name="features", default="shallow", choices=FEATURES, doc="what images are clustered by (Tables 2a, 10, 11)"
        ),
        Param(name="clusters", default=20, low=1, high=65536, doc="clusters, one palette each (Table 2b)"),
        Param(name="pool", default=4, low=1, high=64, doc="network features are averaged to pool x pool cells"),
        Param(
            name="attention", default="gradcam++", choices=ATTENTION, doc="which pixels count for a palette (Table 2c)"
        ),
        Param(
            name="keep_percent", default=50.0, low=0.01, high=100, doc="per cent of each image's pixels kept (Table 12)"
        ),
        Param(name="refine", default=True, doc="refine palettes for edges by gradient descent (Eq. 6, Table 7)"),
        Param(name="refine_steps", default=100, low=0, high=100000, doc="gradient steps of the refinement"),
        Param(name="refine_lr", default=0.5, low=0, high=100, doc="first step size of the refinement, in LAB units"),
        Param(name="w_l", default=1.0, low=0, doc="weight of L in Eq. 6"),
        Param(name="w_a", default=1.0, low=0, doc="weight of a in Eq. 6"),
        Param(name="w_b", default=1.0, low=0, doc="weight of b in Eq. 6"),
        Param(name="color_weight", default=4.0, low=0, doc="weight of the colour difference beside Eq. 6"),
        Param(
            name="reassign",
            default=0,
            low=0,
            high=100,
            doc="rounds of: images to the palette that fits them best, palettes anew (not in the paper)",
        ),
        Param(
            name="rate",
            default=0.0,
            low=0,
            high=1e6,
            doc="squared LAB error that a pixel may lose for each coded bit it saves (not in the paper)",
        ),
        Param(
            name="proxy",
            default=None,
            type=str,
            choices="architecture",
            doc="proxy network; auto: the one of the protocol",
        ),
    ),
    budgets="bits",
    random=True,
    needs=("proxy", "features", "attention"),
    stores="q-bit palette indices of every image, one palette of 2^q colours per cluster, one cluster id per image, "
    "and the labels",
    cost="one proxy training, one pass for features and one for attention; clustering, palettes, assignment, linear in "
    "images; refinement, linear in clusters; on a GPU if there is one",
)

_CODED = (
    *(replace(p, default=3) for p in DCQ.params if p.name == "reassign"),
    Param(
        name="rate",
        default=None,
        type=float,
        low=0,
        high=1e6,
        doc="squared LAB error that a pixel may lose for each coded bit it saves; auto: the least whose coded file "
        "fits, searched, and 100 where nothing holds the file to bytes",
    ),
)

DCQ_RD = replace(
    DCQ,
    name="dcq-rd",
    version="2",
    summary="dcq for coded files: entries weigh colour error against coded bits (not in the paper)",
    params=tuple({own.name: own for own in _CODED}.get(p.name, p) for p in DCQ.params),
    bits=(1, 2, 3, 4, 5),
    cost="that of dcq; choosing entries three times over, linear in images and entries, and where files are held to "
    "bytes two or three times, seven at most, each time coding all images",
)


@hookimpl
def ccbench_methods() -> list[MethodSpec]:
    """DCQ, and the variant for coded files."""
    return [DCQ, DCQ_RD]
