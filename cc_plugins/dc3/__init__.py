"""DC3, dataset condensation with colour compensation: the offers only; the work is in :mod:`cc_plugins.dc3.method`."""

from __future__ import annotations

from cc_plugins.dc3.stages import DIFFUSION, LATENTS
from cc_plugins.synthetic import STORES, stored
from ccbench.plugin import MethodSpec, Need, Param, StageSpec, hookimpl

COMPENSATE = ("diffusion", "null", "hr", "color_jitter", "hsv_shift", "balance", "none")
GENERATED = COMPENSATE[:3]
SELECTIONS = ("herding", "k-center", "gradmatch", "dq")  # of Table 9; they choose from the class, without K-means bins
STITCHES = ("half", "quarter", "pixel", "grid8", "grid16")

DC3 = MethodSpec(
    name="dc3",
    target="cc_plugins.dc3.method:DC3",
    version="2",
    summary="Condensation with colour compensation: chosen images, each stitched of its cool and its warm version",
    params=(
        Param(
            name="bins",
            default=10,
            low=1,
            high=65536,
            doc="K, K-means bins per class; 1: none (Figure 9); of sampling=dq the bins that graph cut makes",
        ),
        Param(
            name="features",
            default="auto",
            choices=("auto", "vae", "network"),
            doc="what bins are made of; auto: vae where compensate has the diffusion model at hand, otherwise network",
        ),
        Param(
            name="sampling",
            default="submodular",
            choices=("submodular", "random", *SELECTIONS),
            doc="how images of a bin are chosen (Tables 8 to 10); from herding on, of the whole class (Table 9)",
        ),
        Param(
            name="gain",
            default="graphcut",
            choices=("graphcut", "paper"),
            doc="graph cut of last-layer gradients, or squared distances (Eq. 4)",
        ),
        Param(
            name="gradient",
            default="released",
            choices=("released", "cross-entropy"),
            doc="of graphcut and dq: softmax taken twice as in the released code, or once",
        ),
        Param(
            name="proxy",
            default=None,
            type=str,
            choices="architecture",
            doc="network of bins and gains; auto: the one of the protocol",
        ),
        Param(
            name="compensate",
            default="diffusion",
            choices=COMPENSATE,
            doc="colours: by the diffusion model (Table 6), without weights (Table 7), or as they are (Table 10)",
        ),
        *DIFFUSION,
        Param(name="stitch", default="half", choices=STITCHES, doc="how pictures become one (Table 13)"),
        Param(
            name="store_size",
            default=0,
            low=0,
            high=4096,
            doc="side of the stored pictures in pixels; 0: as the dataset's (the released code: 256)",
        ),
        *stored(chroma="auto"),
        Param(
            name="teacher",
            default=None,
            type=str,
            choices="architecture",
            doc="network of the stored soft labels; auto: the run's",
        ),
    ),
    budgets="fraction",
    random=True,
    needs=(
        "proxy",
        "last-layer",
        Need("latents", when={"features": "vae"}, unless={"sampling": SELECTIONS}),
        Need("latents", when={"features": "auto", "compensate": GENERATED}, unless={"sampling": SELECTIONS}),
        Need("teacher", when={"soft_labels": "stored"}),
    ),
    ready="cc_plugins.dc3.ready:ready",
    identity="cc_plugins.dc3.ready:content",
    prepare=True,
    stores=f"{STORES}; with sampling=gradmatch a weight of 4 bytes for each",
    cost="one proxy training and one pass for its last layer; with the diffusion model one pass of its VAE over the "
    "training set and 2 pictures of 100 denoising steps for each kept image (4 for stitch=quarter); bins, sampling, "
    "stitching and encoding on the CPU, linear in images",
)


@hookimpl
def ccbench_methods() -> list[MethodSpec]:
    """DC3."""
    return [DC3]


@hookimpl
def ccbench_stages() -> list[StageSpec]:
    """What its bins are made of."""
    return [LATENTS]
