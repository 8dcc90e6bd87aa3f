"""Palette indices, coded with what is known of a pixel from its neighbours and its palette.

Images lie in blocks that decode without each other. A block has a few streams, each of several images; blocks of one
size decode side by side. Tall images are cut into bands of rows, so that there is always something to do side by side.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from ccbench.coding import models, rans
from ccbench.coding.digests import pixel_digest
from ccbench.coding.names import MOST_PIXELS, VERSIONS
from ccbench.coding.together import together
from ccbench.machine import cores

NAME = "rans"
_BLOCK = 1024  # images of a block, fewer where they are large
_BLOCK_PIXELS = 1 << 24
_STREAM_PIXELS = 1 << 14  # a stream has about so many; it costs six bytes
_TURNS = 64  # images of a stream, at most
_BAND = 1 << 16  # pixels from which an image is cut into bands
_STEPS = 1 << 20  # pixels of a band, at most: each is a step that no other shortens
_TOGETHER = 1 << 25  # pixels that are coded together, at most
_THREADS = 4  # at most: more would wait for each other between the short calls of numpy
_SAMPLE = 8 << 20  # pixels that a model is made from, at most
_WORD_PIXELS = 1 << 18  # of a word or a state, at most: no pixel is likelier than 1 - 2**-14

Source = Callable[[int, int], np.ndarray]
"""(start, stop) -> (stop - start, H, W) uint8 indices of these images."""


@dataclass(frozen=True)
class Layout:
    """How n images of (H, W) lie in blocks and streams.

    Attributes:
        images, height, width: of the set.
        block: images of each block but the last.
        band: rows of a band, a divisor of the height.
        turns: bands of a stream.
    """

    images: int
    height: int
    width: int
    block: int
    band: int
    turns: int

    @classmethod
    def of(cls, images: int, height: int, width: int) -> Layout:
        """The usual one."""
        block = max(
            8, min(_BLOCK, _power(_BLOCK_PIXELS // (height * width)))
        )  # blocks of packed indices are whole bytes
        band = height
        if height * width > _BAND:
            least = min(height, 16)
            band = max((h for h in range(least, height) if height % h == 0 and h * width <= _BAND), default=height)
        return cls(images, height, width, block, band, min(_TURNS, _power(_STREAM_PIXELS // (band * width))))

    @property
    def bounded(self) -> bool:
        """Whether a block is decoded in bounded memory and time, whatever a file says."""
        pixels = self.height * self.width
        block = min(self.block, self.images) * pixels
        return pixels <= MOST_PIXELS and block <= max(_BLOCK_PIXELS, 8 * pixels) and self.band * self.width <= _STEPS

    @property
    def bands(self) -> int:
        """Bands of an image."""
        return self.height // self.band

    @property
    def blocks(self) -> int:
        """Blocks of the set."""
        return -(-self.images // self.block)

    def size(self, block: int) -> int:
        """Images of a block."""
        return min(self.block, self.images - block * self.block)

    def streams(self, block: int) -> int:
        """Streams of a block."""
        return -(-self.size(block) * self.bands // self.turns)

    def groups(self, least: int) -> list[range]:
        """Blocks that are coded side by side, in about ``least`` groups or more."""
        alone = self.block * self.bands % self.turns != 0  # then streams differ in their number of bands
        whole = self.images // self.block
        most = max(1, min(_TOGETHER // (self.block * self.height * self.width), -(-whole // least)))
        step = 1 if alone else most
        groups = [range(first, min(first + step, whole)) for first in range(0, whole, step)]
        return groups + ([range(whole, self.blocks)] if whole < self.blocks else [])

    def side_by_side(self, images: np.ndarray, blocks: range) -> np.ndarray:
        """(H, W, n): images of some blocks as :mod:`ccbench.coding.rans` wants them, streams innermost."""
        bands = images.reshape(-1, self.band, self.width)
        return np.ascontiguousarray(bands[self._order(blocks)].transpose(1, 2, 0))

    def apart(self, pixels: np.ndarray, blocks: range) -> np.ndarray:
        """(n, H, W): the inverse of :meth:`side_by_side`."""
        bands = np.empty((pixels.shape[2], self.band, self.width), np.uint8)
        bands[self._order(blocks)] = pixels.transpose(2, 0, 1)
        return bands.reshape(-1, self.height, self.width)

    def owners(self, clusters: np.ndarray, blocks: range) -> np.ndarray:
        """(n,) the palette of each band, in the order of :meth:`side_by_side`."""
        own = clusters[blocks.start * self.block : blocks.stop * self.block]
        return np.repeat(own, self.bands)[self._order(blocks)]

    def _order(self, blocks: range) -> np.ndarray:
        count = sum(self.size(block) for block in blocks) * self.bands
        if len(blocks) == 1:
            return np.arange(count)
        return np.arange(count).reshape(len(blocks), self.turns, -1).transpose(1, 0, 2).reshape(-1)


def model_of(source: Source, shape: tuple[int, int, int], bits: int, clusters: np.ndarray | None) -> models.Model:
    """What foretells the pixels of a set; making it takes longer than the coding itself.

    Args:
        source: gives its indices.
        shape: (n, H, W).
        bits: of an index, 1..8.
        clusters: (n,) the palette of each image where images share palettes.
    """
    owners = np.zeros(shape[0], np.int64) if clusters is None else clusters
    pixels, some = _sample(source, Layout.of(*shape), owners)
    return models.choose(pixels, some, bits, int(owners.max()) + 1, math.prod(shape))


def encode(
    source: Source,
    shape: tuple[int, int, int],
    bits: int,
    clusters: np.ndarray | None,
    model: models.Model | None = None,
) -> Coded:
    """Code a set of images.

    Args:
        source, shape, bits, clusters: as for :func:`model_of`.
        model: of this set; None makes one.
    """
    layout = Layout.of(*shape)
    model = model or model_of(source, shape, bits, clusters)
    owners = clusters if clusters is not None and model.contexts.clusters > 1 else np.zeros(shape[0], np.int64)
    about, data = models.store(model)
    starts = model.thresholds()

    def code(blocks: range) -> tuple[rans.Streams, list[int]]:
        images = source(blocks.start * layout.block, min(blocks.stop * layout.block, layout.images))
        checks = [pixel_digest(images[i * layout.block : (i + 1) * layout.block]) for i in range(len(blocks))]
        pixels = layout.side_by_side(images, blocks)
        streams = sum(layout.streams(block) for block in blocks)
        return rans.encode(pixels, layout.owners(owners, blocks), model.contexts, starts, streams), checks

    done = list(together(code, layout.groups(_threads()), _threads()))
    lengths = np.concatenate([streams.lengths for streams, _ in done])
    arrays = {
        "model": data,
        "states": np.concatenate([streams.states for streams, _ in done]),
        "lengths": lengths.astype(np.min_scalar_type(int(lengths.max()))),
        "words": np.concatenate([streams.words for streams, _ in done]),
        "checks": np.array([check for _, checks in done for check in checks], np.uint64),
    }
    facts = {"coder": NAME, "version": VERSIONS[NAME], "size": list(shape), "bits": bits}
    facts |= {"block": layout.block, "band": layout.band, "turns": layout.turns, "table": _digest(starts), **about}
    return Coded(facts, arrays)


class Coded:
    """Coded indices.

    Args:
        facts: JSON-able.
        arrays: by name, as the file keeps them.

    Raises:
        ValueError: they do not fit together.
    """

    def __init__(self, facts: dict[str, Any], arrays: dict[str, np.ndarray]) -> None:
        self.facts, self.arrays, self.bits = facts, arrays, int(facts["bits"])
        n, height, width = (int(v) for v in facts["size"])
        block, band, turns = (int(facts[name]) for name in ("block", "band", "turns"))
        if min(n, height, width, block, band, turns) < 1 or height % band or not 1 <= self.bits <= 8:
            raise ValueError(f"{n} images of {height} x {width} in blocks of {block}")
        self.layout = Layout(n, height, width, block, band, turns)
        if not self.layout.bounded:
            raise ValueError(f"blocks of {block} images of {height} x {width}")
        if arrays["checks"].shape != (self.layout.blocks,):  # first: what follows looks at each block
            raise ValueError(f"{arrays['checks'].shape} digests of {self.layout.blocks} blocks")
        streams = sum(self.layout.streams(block) for block in range(self.layout.blocks))
        words, lengths = len(arrays["words"]), arrays["lengths"]
        if arrays["states"].shape != (streams,) or lengths.shape != (streams,) or lengths.max(initial=0) > words:
            raise ValueError(f"{lengths.shape} lengths of {words} words in {streams} streams")
        if lengths.sum(dtype=np.int64) != words or n * height * width > (words + streams) * _WORD_PIXELS:
            raise ValueError(f"{n} images of {height} x {width} in {words} words of {streams} streams")

    @property
    def images(self) -> int:
        """Of the set."""
        return self.layout.images

    @property
    def block(self) -> int:
        """Images of each block but the last."""
        return self.layout.block

    @property
    def blocks(self) -> int:
        """Of the set."""
        return self.layout.blocks

    @property
    def nbytes(self) -> int:
        """Bytes of all arrays."""
        return sum(array.nbytes for array in self.arrays.values())

    def decode(self, clusters: np.ndarray | None, images: range | None = None) -> Iterator[tuple[int, np.ndarray]]:
        """Whole blocks of images, in order.

        Args:
            clusters: (n,) the palette of each image where images share palettes.
            images: only blocks that hold some of these.

        Yields:
            The position of the first image, and (m, H, W) uint8 indices.

        Raises:
            ValueError: anything is damaged: what is given is never a wrong pixel.
        """
        layout, model = self.layout, models.restore(self.facts, self.arrays["model"], self.bits)
        owners = clusters if clusters is not None and model.contexts.clusters > 1 else np.zeros(layout.images, np.int64)
        if owners.max() >= model.contexts.clusters:
            raise ValueError(f"a model of {model.contexts.clusters} palettes, an image of palette {owners.max()}")
        starts = model.thresholds()
        if _digest(starts) != self.facts["table"]:
            raise ValueError("its table of frequencies is another one than when it was written")
        groups = layout.groups(_threads())
        if images is not None:
            first, last = images.start // layout.block, (images.stop - 1) // layout.block
            groups = [g for g in layout.groups(1 << 30) if first <= g.start <= last]
        streams = np.cumsum([0, *(layout.streams(block) for block in range(layout.blocks))])
        ends = np.cumsum(np.concatenate([[0], self.arrays["lengths"]]), dtype=np.int64)

        def one(blocks: range) -> tuple[int, np.ndarray]:
            own = slice(streams[blocks.start], streams[blocks.stop])
            words = self.arrays["words"][ends[own.start] : ends[own.stop]]
            parts = rans.Streams(self.arrays["states"][own], self.arrays["lengths"][own].astype(np.int64), words)
            count = sum(layout.size(block) for block in blocks) * layout.bands
            shape = layout.band, layout.width, count
            pixels = rans.decode(parts, shape, layout.owners(owners, blocks), model.contexts, starts)
            found = layout.apart(pixels, blocks)
            for i, block in enumerate(blocks):
                if pixel_digest(found[i * layout.block : (i + 1) * layout.block]) != int(self.arrays["checks"][block]):
                    raise ValueError(f"block {block} decodes to other pixels than were coded")
            return blocks.start * layout.block, found

        yield from together(one, groups, _threads())


def _sample(source: Source, layout: Layout, owners: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(H, W, n) pixels and (n,) palettes of images all over the set."""
    most = max(1, _SAMPLE // (layout.height * layout.width))
    if layout.images <= most:
        images, chosen = source(0, layout.images), np.arange(layout.images)
    else:
        chosen = np.arange(most) * layout.images // most
        images = np.concatenate([source(int(i), int(i) + 1) for i in chosen])
    bands = images.reshape(-1, layout.band, layout.width)
    return np.ascontiguousarray(bands.transpose(1, 2, 0)), np.repeat(owners[chosen], layout.bands)


def _threads() -> int:
    return min(_THREADS, cores())


def _power(number: int) -> int:
    """The largest power of two that is not above it, at least 1."""
    return 1 << max(0, number.bit_length() - 1)


def _digest(starts: np.ndarray) -> str:
    return hashlib.blake2b(np.ascontiguousarray(starts).astype("<u2").data, digest_size=8).hexdigest()
