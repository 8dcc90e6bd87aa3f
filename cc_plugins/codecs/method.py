"""Every image as a lossy file, at the quality that the budget allows."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from typing import Any, NamedTuple

import numpy as np
from PIL import Image, features

from cc_plugins.codecs.encoders import Encoder
from cc_plugins.codecs.search import Search
from ccbench.plugin import (
    CompressedDataset,
    EncodedImages,
    Task,
    UserError,
    cores,
    grid_of,
    mosaics,
    size_of_files,
)

SIDE = 1024  # pixels of a mosaic's longer side, unless it is asked for otherwise
MOSAIC = 256  # images in a mosaic, at most, unless it is asked for otherwise


class Found(NamedTuple):
    """What a search ended with."""

    files: list[bytes]
    quality: int
    better: int
    steps: list[tuple[int, int, int]]


class Codec:
    """A lossy codec that keeps every image.

    The quality is the highest whose files are within the budget; what is left of it goes to files of the next quality.

    Args:
        encoder: of the files.
        mosaic: images in a file; None: up to 256, within 1,024 pixels.
        quality: None: searched.
        factor: by which height and width are divided before.
    """

    def __init__(self, encoder: Encoder, *, mosaic: int | None, quality: int | None, factor: float = 1.0) -> None:
        self.encoder, self.mosaic, self.quality, self.factor = encoder, mosaic, quality, factor
        self._made: tuple[Task, Found | str] | None = None  # a task is asked for its reason, then for its images

    def skip(self, task: Task) -> str | None:
        """The codec's floor is above the budget, or its mosaic is larger than it can be."""
        found = self._find(task)
        return found if isinstance(found, str) else None

    def compress(self, task: Task) -> CompressedDataset:
        """All images of the task.

        Raises:
            UserError: the budget is below what the codec can reach.
        """
        found = self._find(task)
        if isinstance(found, str):
            raise UserError(found, mend="a smaller --ratio, or a method that keeps fewer images")
        data, grid = task.dataset, self._grid(task)
        payload = EncodedImages(
            found.files,
            self.encoder.codec,
            grid=grid,
            count=len(data.labels),
            shown=task.dataset.images.shape[1:3],
            shared_heads=self.encoder.single,
        )
        meta: dict[str, Any] = {
            "codec": self.encoder.codec,
            "library": _library(self.encoder.codec),
            "quality": found.quality,
            "files_of_next_quality": found.better,
            "search": [{"quality": q, "files": files, "bytes": size} for q, files, size in found.steps],
        }
        return CompressedDataset(payload, np.arange(len(data.labels)), data.labels, classes=data.classes, meta=meta)

    def _find(self, task: Task) -> Found | str:
        if self._made is None or self._made[0] is not task:
            self._made = task, self._search(task)
        return self._made[1]

    def _search(self, task: Task) -> Found | str:
        grid, size = self._grid(task), self._stored(task)
        rows = min(grid[0], -(-len(task.dataset.labels) // grid[1]))
        sides = rows * size[0], grid[1] * size[1]
        if max(sides) > self.encoder.longest_side:
            limit = self.encoder.longest_side
            return (
                f"{self.encoder.codec} takes {limit} pixels a side, and this mosaic has {max(sides)}; a smaller mosaic"
            )
        if sides[0] * sides[1] > (most := EncodedImages.most_pixels):
            return f"a file has at most {most:,} pixels, and this mosaic has {sides[0] * sides[1]:,}; a smaller mosaic"
        allowed, count = task.budget.bytes(task.dataset.shape), -(-len(task.dataset.labels) // (grid[0] * grid[1]))
        qualities = self.encoder.qualities if self.quality is None else (self.quality, self.quality)
        search = Search(self._encode(task, grid), self._total, count, qualities)
        found = search.within(allowed)
        if found is None:
            least = search.steps[-1][2]
            what = "lowest quality" if self.quality is None else f"quality {self.quality}"
            return f"{self.encoder.codec} takes {least:,} bytes at its {what}, and the budget allows {allowed:,}"
        return Found(*found, search.steps)

    def _total(self, files: Sequence[bytes]) -> int:
        return size_of_files(files, self.encoder.codec, shared_heads=self.encoder.single)

    def _encode(self, task: Task, grid: tuple[int, int]) -> Callable[[int, Sequence[int]], list[bytes]]:
        """Makes files, several at a time: the codecs let other threads run."""
        per, images = grid[0] * grid[1], task.dataset.images
        size = self._stored(task)

        def one(quality: int, file: int) -> bytes:
            part = np.asarray(images[file * per : (file + 1) * per])
            (mosaic,) = mosaics(part if size == part.shape[1:3] else _smaller(part, size), grid)
            return self.encoder(mosaic, quality)

        def some(quality: int, which: Sequence[int]) -> list[bytes]:
            files: list[bytes] = []
            with ThreadPoolExecutor(cores()) as pool:
                waiting = iter(which)
                while part := list(islice(waiting, 64 * cores())):
                    files += pool.map(lambda file: one(quality, file), part)
                    task.progress(len(files), len(which), f"{self.encoder.codec} of quality {quality}")
            return files

        return some

    def _grid(self, task: Task) -> tuple[int, int]:
        if self.mosaic is not None:
            return grid_of(self.mosaic)
        side = SIDE // max(self._stored(task))
        return grid_of(max(1, min(side * side, MOSAIC)))

    def _stored(self, task: Task) -> tuple[int, int]:
        height, width = task.dataset.images.shape[1:3]
        return max(1, round(height / self.factor)), max(1, round(width / self.factor))


class Jpeg(Codec):
    """JPEG by libjpeg-turbo; Huffman tables are the standard ones where each image is a file, otherwise its own."""

    def __init__(self, *, mosaic: int | None, quality: int | None, chroma: str) -> None:
        super().__init__(Encoder("jpeg", mosaic == 1, chroma), mosaic=mosaic, quality=quality)


class WebP(Codec):
    """Lossy WebP by libwebp; colour is at half resolution, as the format has it."""

    def __init__(self, *, mosaic: int | None, quality: int | None, effort: int) -> None:
        super().__init__(Encoder("webp", mosaic == 1, effort=effort), mosaic=mosaic, quality=quality)


class Avif(Codec):
    """AVIF by libavif and its AV1 encoder."""

    def __init__(self, *, mosaic: int | None, quality: int | None, chroma: str, effort: int) -> None:
        super().__init__(Encoder("avif", mosaic == 1, chroma, effort), mosaic=mosaic, quality=quality)


class JpegXL(Codec):
    """Lossy JPEG XL by libjxl."""

    def __init__(self, *, mosaic: int | None, quality: int | None, effort: int) -> None:
        super().__init__(Encoder("jxl", mosaic == 1, effort=effort), mosaic=mosaic, quality=quality)


class Downscale(Codec):
    """Fewer pixels, by Pillow's bicubic filter, antialiased; then a codec."""

    def __init__(self, *, factor: float, codec: str, mosaic: int | None, quality: int | None) -> None:
        from cc_plugins.codecs import ccbench_methods

        (spec,) = (s for s in ccbench_methods() if s.name == codec)
        own = {p.name: p.default for p in spec.params if p.name in ("chroma", "effort")}
        super().__init__(Encoder(codec, mosaic == 1, **own), mosaic=mosaic, quality=quality, factor=factor)


def _smaller(images: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    wide = size[1], size[0]
    return np.stack([np.asarray(Image.fromarray(x).resize(wide, Image.Resampling.BICUBIC)) for x in images])


def _library(codec: str) -> str:
    """Who wrote the files, with its version: another one may write others."""
    if codec == "jxl":
        import imagecodecs

        return str(imagecodecs.jpegxl_version())
    module, name = {
        "jpeg": ("libjpeg_turbo", "libjpeg-turbo"),
        "webp": ("webp", "libwebp"),
        "avif": ("avif", "libavif"),
    }[codec]
    return f"{name} {features.version(module)}"
