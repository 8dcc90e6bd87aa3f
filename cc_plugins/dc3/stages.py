"""The stage that DC3 brings along, and the parameters of its diffusion model. Specs only."""

from __future__ import annotations

from cc_plugins.dc3.settings import DTYPES, MODEL
from ccbench.plugin import Param, StageSpec

_MODEL = Param(name="model", default=MODEL, doc="InstructPix2Pix model: local folder, or id in the Hugging Face cache")
_REVISION = Param(
    name="revision", default=None, type=str, doc="commit of the model; auto: the pinned one (main for another model)"
)
_DTYPE = Param(name="dtype", default="auto", choices=DTYPES, doc="auto: float16 on a GPU, float32 on the CPU")

DIFFUSION = (
    _MODEL,
    _REVISION,
    _DTYPE,
    Param(name="steps", default=100, low=1, high=10_000, doc="denoising steps"),
    Param(name="image_guidance", default=1.5, low=1, high=100, doc="how closely a picture follows its image"),
    Param(name="guidance", default=4.0, low=1, high=100, doc="how closely a picture follows its prompt (Table 11)"),
    Param(name="resolution", default=256, low=8, high=4096, doc="side of a compensated picture, a multiple of 8"),
    Param(name="batch", default=8, low=1, high=1024, doc="pictures denoised at once"),
    Param(name="prompts", default="", doc="TOML file with template, cool and warm; empty: the paper's (Table 12)"),
)

LATENTS = StageSpec(
    name="latents",
    target="cc_plugins.dc3.latents:run",
    version="1",
    summary="mean latents of the diffusion model's VAE, reduced by PCA class by class",
    paper="Wu et al., Dataset Condensation with Color Compensation, 2025",
    params=(
        _MODEL,
        Param(
            name="revision",
            default=None,
            type=str,
            doc="commit of the model; of a local folder sha256:DIGEST of its VAE; auto: as in dc3",
        ),
        _DTYPE,
        Param(name="resolution", default=512, low=8, high=4096, doc="images are resized to this side, a multiple of 8"),
        Param(name="components", default=50, low=1, high=4096, doc="principal components kept per class"),
        Param(name="batch", default=8, low=1, high=1024, doc="images encoded at once"),
    ),
)
