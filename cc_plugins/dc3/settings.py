"""What a compensated picture depends on beside the image, its prompt and its seed. Imports no torch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

from ccbench.plugin import UserError

MODEL = "timbrooks/instruct-pix2pix"
REVISION = "31519b5cb02a7fd89b906d88731cd4d6a7bbf88d"
DTYPES = ("auto", "float16", "bfloat16", "float32")


@dataclass(frozen=True)
class Settings:
    """The diffusion model and how it is run.

    Attributes:
        model: a local folder, or the id of a repository that lies in the local Hugging Face cache.
        revision: commit of the repository, None: the pinned one of the default model, ``main`` of any other.
            Ignored for a folder.
        dtype: of the weights; ``"auto"`` is float16 on a GPU and float32 on the CPU.
        steps: denoising steps.
        image_guidance: how closely the picture follows the image, at least 1.
        guidance: how closely it follows the prompt (the paper's 4); 1 turns both guidances off.
        resolution: side of the picture in pixels, a multiple of 8.
        batch: pictures denoised at once. It is part of the address of a picture, because rounding depends on it.

    Raises:
        UserError: a value out of its range.
    """

    model: str = MODEL
    revision: str | None = None
    dtype: str = "auto"
    steps: int = 100
    image_guidance: float = 1.5
    guidance: float = 4.0
    resolution: int = 256
    batch: int = 8

    def __post_init__(self) -> None:
        if self.dtype not in DTYPES:
            raise UserError("dtype is none that the diffusion model runs in", found=self.dtype, mend=" | ".join(DTYPES))
        for name, low in (("steps", 1), ("batch", 1), ("image_guidance", 1), ("guidance", 1), ("resolution", 8)):
            if not getattr(self, name) >= low:
                raise UserError(f"{name} must be at least {low}", found=getattr(self, name))
        if self.resolution % 8:
            raise UserError(
                "resolution must be a multiple of 8, the pixels along a side of one latent",
                found=self.resolution,
                mend=f"resolution={round(self.resolution / 8) * 8}",
            )

    @classmethod
    def of(cls, params: Mapping[str, Any]) -> Settings:
        """From a method's parameters; those of other names are left alone."""
        return cls(**{field.name: params[field.name] for field in fields(cls) if field.name in params})

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
