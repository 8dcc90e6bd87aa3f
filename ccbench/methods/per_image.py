"""A colour method in ten lines: the budget, the loop over images, and images that need no quantiser are done here."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, ClassVar

from ccbench.errors import UserError

if TYPE_CHECKING:
    import numpy as np

    from ccbench.archive import CompressedDataset
    from ccbench.methods.task import Task

CHUNK = 500  # images between two reports of progress


class PerImage(ABC):
    """Give every image its own palette of 2^q colours, at q bits per pixel.

    A method derives from it and says how one image is quantised; its spec says ``budgets="bits"``. An image with no
    more than 2^q colours keeps them exactly, whatever the quantiser. Entries that the quantiser leaves open repeat its
    last colour. Importing this class imports nothing heavy, so that spec and method may stand in one module.

    Attributes:
        threads: whether :meth:`quantise` lets other threads run meanwhile, as Pillow does; then images are shared
            over the allowed cores.
    """

    threads: ClassVar[bool] = False

    @abstractmethod
    def quantise(self, image: np.ndarray, colours: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
        """Quantise one image.

        Args:
            image: (H, W, 3) uint8 with more than ``colours`` distinct colours.
            colours: 2 .. 256.
            seed: in [0, 2**32), another for every image.

        Returns:
            Indices (H, W) integers in 0 .. k-1 and a palette (k, 3) uint8, 1 <= k <= colours.
        """

    def skip(self, task: Task) -> str | None:
        """Why the budget cannot be hit, or None: only q/24 for q = 1 .. 8 can."""
        if task.budget.palette_bits is None:
            return f"palettes take 1 to 8 whole bits per pixel, and this budget is {task.budget.bits:g}"
        return None

    def compress(self, task: Task) -> CompressedDataset:
        """Quantise every image of the task.

        Raises:
            UserError: the budget is no whole number of bits from 1 to 8.
        """
        from concurrent.futures import ThreadPoolExecutor

        import numpy as np

        from ccbench.archive import CompressedDataset, PaletteImages
        from ccbench.machine import cores

        bits, data = task.budget.palette_bits, task.dataset
        if bits is None:
            raise UserError(
                self.skip(task) or "", mend="for example --ratio 0.92 without --no-snap, which takes 2 bits"
            )
        n = len(data.images)
        seeds = task.rng().integers(2**32, size=n)
        indices = np.empty(data.images.shape[:3], np.uint8)
        palettes = np.empty((n, 2**bits, 3), np.uint8)

        def one(i: int) -> None:
            indices[i], palettes[i] = self._image(np.asarray(data.images[i]), 2**bits, int(seeds[i]))

        with ThreadPoolExecutor(min(cores(), 8) if self.threads else 1) as pool:
            for start in range(0, n, CHUNK):
                stop = min(start + CHUNK, n)
                for _ in pool.map(one, range(start, stop)):
                    pass
                task.progress(stop, n, "palettes")
        payload = PaletteImages(indices=indices, palettes=palettes, clusters=None, bits=bits)
        return CompressedDataset(payload, np.arange(n), data.labels, classes=data.classes)

    def _image(self, image: np.ndarray, colours: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
        import numpy as np

        codes = rgb24(image)
        ordered = np.sort(codes, axis=None)
        distinct = ordered[np.append(True, ordered[1:] != ordered[:-1])]
        if len(distinct) <= colours:
            index, palette = np.searchsorted(distinct, codes), from_rgb24(distinct)
        else:
            index, palette = self.quantise(image, colours, seed)
            if not 1 <= len(palette) <= colours or index.max() >= len(palette):
                raise RuntimeError(f"{type(self).__name__} gave {len(palette)} colours where {colours} were asked for")
        padded = np.empty((colours, 3), np.uint8)
        padded[: len(palette)] = palette
        padded[len(palette) :] = palette[-1]
        return index, padded


def rgb24(colours: np.ndarray) -> np.ndarray:
    """One number per colour, red highest: (..., 3) uint8 to (...) uint32."""
    wide = colours.astype("uint32")
    return wide[..., 0] << 16 | wide[..., 1] << 8 | wide[..., 2]


def from_rgb24(codes: np.ndarray) -> np.ndarray:
    """The inverse of :func:`rgb24`: (...) uint32 to (..., 3) uint8."""
    import numpy as np

    return np.stack([codes >> 16, codes >> 8 & 255, codes & 255], axis=-1).astype(np.uint8)
