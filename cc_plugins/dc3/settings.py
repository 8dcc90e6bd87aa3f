"""What a compensated picture depends on beside the image, its prompt and its seed. Imports no torch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, Self

from ccbench.plugin import UserError

MODEL = "timbrooks/instruct-pix2pix"
REVISION = "31519b5cb02a7fd89b906d88731cd4d6a7bbf88d"
DTYPES = ("auto", "float16", "bfloat16", "float32")


@dataclass(frozen=True, kw_only=True)
class Weights:
    """Which model, and in which number format.

    Attributes:
        model: a local folder, or the id of a repository that lies in the local Hugging Face cache.
        revision: commit of the repository, None: the pinned one of the default model, ``main`` of any other.
            Ignored for a folder.
        dtype: of the weights; ``"auto"`` is float16 on a GPU and float32 on the CPU.

    Raises:
        UserError: no such number format.
    """

    model: str
    revision: str | None
    dtype: str

    def __post_init__(self) -> None:
        if self.dtype not in DTYPES:
            raise UserError("dtype is none that the diffusion model runs in", found=self.dtype, mend=" | ".join(DTYPES))

    @classmethod
    def of(cls, params: Mapping[str, Any]) -> Self:
        """From a method's parameters; those of other names are left alone."""
        return cls(**{field.name: params[field.name] for field in fields(cls)})

    @property
    def commit(self) -> str:
        """The revision that is looked for in the cache; the pinned commit belongs to the default model alone."""
        if self.model == MODEL:
            return self.revision or REVISION
        return self.revision if self.revision not in (None, REVISION) else "main"

    def dtype_on(self, device: str) -> str:
        """The data type used on a device: ``"float16"``, ``"bfloat16"`` or ``"float32"``."""
        if self.dtype != "auto":
            return self.dtype
        return "float16" if device.startswith("cuda") else "float32"


@dataclass(frozen=True, kw_only=True)
class Settings(Weights):
    """The diffusion model and how it is run.

    Attributes:
        steps: denoising steps.
        image_guidance: how closely the picture follows the image, at least 1.
        guidance: how closely it follows the prompt (the paper's 4); 1 turns both guidances off.
        resolution: side of the picture in pixels, a multiple of 8.
        batch: pictures denoised at once. It is part of the address of a picture, because rounding depends on it.

    Raises:
        UserError: a value out of its range.
    """

    steps: int
    image_guidance: float
    guidance: float
    resolution: int
    batch: int

    def __post_init__(self) -> None:
        super().__post_init__()
        for name, low in (("steps", 1), ("batch", 1), ("image_guidance", 1), ("guidance", 1), ("resolution", 8)):
            if not getattr(self, name) >= low:
                raise UserError(f"{name} must be at least {low}", found=getattr(self, name))
        check_side(self.resolution)


def check_side(resolution: int) -> None:
    """Raise UserError unless a picture of this side is whole latents."""
    if resolution % 8:
        raise UserError(
            "resolution must be a multiple of 8, the pixels along a side of one latent",
            found=resolution,
            mend=f"resolution={round(resolution / 8) * 8}",
        )
