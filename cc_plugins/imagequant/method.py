"""libimagequant by way of the package imagequant."""

from __future__ import annotations

import importlib.metadata
import importlib.util
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from ccbench.plugin import PerImage

if TYPE_CHECKING:
    import numpy as np


def ready(params: Mapping[str, Any], device: str | None = None) -> str | None:
    """Why it cannot run here and what mends it, or None."""
    if importlib.util.find_spec("imagequant"):
        return None
    return "imagequant is not installed; it is under the GPL: pip install 'ccbench[imagequant]'"


def identity(params: Mapping[str, Any]) -> str:
    """The version of the package: another one may choose other colours."""
    return f"imagequant {importlib.metadata.version('imagequant')}" if ready(params) is None else ""


class ImageQuant(PerImage):
    """Median cut weighted by what the eye sees, then k-means (Lesinski's libimagequant).

    Args:
        dither: 0 .. 1.
    """

    threads = True  # the library lets other threads run

    def __init__(self, *, dither: float) -> None:
        self.dither = dither

    def quantise(self, image: np.ndarray, colours: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
        """Its own assignment and palette; nothing is transparent."""
        import imagequant
        import numpy as np

        height, width = image.shape[:2]
        opaque = np.dstack([image, np.full((height, width), 255, np.uint8)])
        pixels, entries = imagequant.quantize_raw_rgba_bytes(
            opaque.tobytes(), width, height, dithering_level=self.dither, max_colors=colours
        )
        palette = np.array(entries, np.uint8).reshape(-1, 4)[:, :3]
        index = np.frombuffer(pixels, np.uint8).reshape(height, width)
        return index, palette[: max(int(index.max()) + 1, 1)]
