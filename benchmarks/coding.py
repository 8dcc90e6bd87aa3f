"""Coded palette indices against xz, zstandard and JPEG XL, and raw images in mosaics, of real compressed datasets.

``python -m benchmarks coding`` takes the files that ``CCBENCH_CODING`` names, separated by ``:``; without it, the
patches of two photographs that scikit-learn brings, palettised by Pillow. A row for each file and coder: bits for
each pixel, everything counted, and seconds of processor time, all threads together, to encode and to decode.
"""

from __future__ import annotations

import io
import lzma
import math
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import zstandard
from PIL import Image
from sklearn.datasets import load_sample_images

from ccbench.archive import CompressedDataset, PaletteImages, RawImages, pictures
from ccbench.archive.packing import pack, unpack
from ccbench.coding import indices
from ccbench.coding.names import picture_codecs

_MOSAIC = 256  # images of a JPEG XL file


def rows() -> Iterator[dict[str, Any]]:
    """A row for each file and rival: ours and peer (bits for each pixel), ratio (peer / ours), unit, note."""
    yield from _pictures()
    for name, payload in _payloads():
        ours = _ours(payload)
        for rival, (size, encode, decode) in _rivals(payload):
            yield {
                "name": f"{name}: {rival}",
                "ours": ours[0],
                "peer": size,
                "ratio": size / ours[0],
                "unit": "bits/pixel",
                "note": f"encode {ours[1]:.1f} s and {ours[3]:.1f} s of training, peer {encode:.1f} s; "
                f"decode {ours[2]:.1f} s, peer {decode:.1f} s",
            }


def _pictures() -> Iterator[dict[str, Any]]:
    """Bytes of a raw image in a mosaic beside a file of its own."""
    named = os.environ.get("CCBENCH_CODING", "").split(":")
    payloads = [CompressedDataset.open(path).payload for path in named if path]
    sets = [p.images for p in payloads if isinstance(p, RawImages)] or [patches()]
    for images in sets:
        alone = sum(len(_png(image)) for image in images) / len(images)
        for codec in picture_codecs():
            encoding, coded = _timed(lambda codec=codec, images=images: pictures.encode(images, codec))
            decoding, found = _timed(lambda coded=coded: np.concatenate([part for _, part in coded.decode()]))
            if not np.array_equal(found, images):
                raise AssertionError("other images than were coded")
            size = sum(array.nbytes for array in coded.arrays.values()) / len(images)
            yield {
                "name": f"{len(images)} raw images of {images.shape[1]} x {images.shape[2]}: {codec} mosaics",
                "ours": size,
                "peer": alone,
                "ratio": alone / size,
                "unit": "bytes/image",
                "note": f"encode {encoding:.1f} s, decode {decoding:.1f} s; peer: PNG, each image alone",
            }


def patches(side: int = 32) -> np.ndarray:
    """(n, side, side, 3) patches of two photographs."""
    every = []
    for photo in load_sample_images().images:
        whole = photo[: photo.shape[0] // side * side, : photo.shape[1] // side * side]
        every.append(whole.reshape(len(whole) // side, side, -1, side, 3).swapaxes(1, 2).reshape(-1, side, side, 3))
    return np.concatenate(every)


def _png(image: np.ndarray) -> bytes:
    file = io.BytesIO()
    Image.fromarray(image).save(file, "PNG", optimize=True)
    return file.getvalue()


def _payloads() -> Iterator[tuple[str, PaletteImages]]:
    if named := os.environ.get("CCBENCH_CODING"):
        for path in named.split(":"):
            payload = CompressedDataset.open(path).payload
            if isinstance(payload, PaletteImages):
                yield Path(path).stem, payload
        return
    for bits in (1, 2, 3, 4):
        yield f"photographs, {bits} bits", photographs(bits)


def photographs(bits: int, side: int = 32) -> PaletteImages:
    """Patches of two photographs, each of which has one palette."""
    patches, palettes, owners = [], [], []
    for owner, photo in enumerate(load_sample_images().images):
        image = Image.fromarray(photo).quantize(1 << bits, dither=Image.Dither.NONE)
        whole = np.asarray(image)[: photo.shape[0] // side * side, : photo.shape[1] // side * side]
        patches.append(whole.reshape(len(whole) // side, side, -1, side).swapaxes(1, 2).reshape(-1, side, side))
        palettes.append(np.array(image.getpalette()[: 3 << bits], np.uint8).reshape(-1, 3))
        owners += [owner] * len(patches[-1])
    return PaletteImages(np.concatenate(patches), np.stack(palettes), np.array(owners), bits)


def _ours(payload: PaletteImages) -> tuple[float, float, float, float]:
    """Bits for each pixel, and seconds to encode, to decode, and to make the model."""
    (height, width), n = payload.shape, len(payload)

    def source(start: int, stop: int) -> np.ndarray:
        flat = unpack(payload.packed, payload.bits, (stop - start) * height * width, start * height * width)
        return flat.reshape(-1, height, width)

    shape = n, height, width
    training, model = _timed(lambda: indices.model_of(source, shape, payload.bits, payload.clusters))
    encoding, coded = _timed(lambda: indices.encode(source, shape, payload.bits, payload.clusters, model))

    def decode() -> np.ndarray:
        return np.concatenate([pack(images, payload.bits) for _, images in coded.decode(payload.clusters)])

    decoding, packed = _timed(decode)
    if not np.array_equal(packed, payload.packed):
        raise AssertionError("other indices than were coded")
    return 8 * coded.nbytes / math.prod(shape), encoding, decoding, training


def _rivals(payload: PaletteImages) -> Iterator[tuple[str, tuple[float, float, float]]]:
    """Name, and (bits for each pixel, seconds to encode, seconds to decode)."""
    packed, pixels = payload.packed.tobytes(), len(payload) * payload.shape[0] * payload.shape[1]

    def measured(encode: Callable[[], list[bytes]], decode: Callable[[bytes], Any]) -> tuple[float, float, float]:
        there, blobs = _timed(encode)
        back, _ = _timed(lambda: [decode(blob) for blob in blobs])
        return 8 * sum(map(len, blobs)) / pixels, there, back

    yield "xz -9", measured(lambda: [lzma.compress(packed, preset=9)], lzma.decompress)
    zstd = zstandard.ZstdCompressor(level=19)
    yield "zstd -19", measured(lambda: [zstd.compress(packed)], zstandard.ZstdDecompressor().decompress)
    yield "WebP lossless, mosaics", measured(lambda: [_webp(m) for m in _mosaics(payload)], _unwebp)
    try:
        import imagecodecs
    except ImportError:
        return
    yield (
        "JPEG XL lossless, mosaics",
        measured(
            lambda: [imagecodecs.jpegxl_encode(m, lossless=True, effort=7) for m in _mosaics(payload)],
            imagecodecs.jpegxl_decode,
        ),
    )


def _mosaics(payload: PaletteImages) -> Iterator[np.ndarray]:
    """(rows * H, columns * W) uint8: squares of images of one palette where images share them."""
    (height, width), side = payload.shape, math.isqrt(_MOSAIC)
    every = payload.indices
    if payload.clusters is not None:
        every = every[np.argsort(payload.clusters, kind="stable")]
    for start in range(0, len(every), _MOSAIC):
        part = every[start : start + _MOSAIC]
        square = np.zeros((side * math.ceil(len(part) / side), height, width), np.uint8)
        square[: len(part)] = part
        yield square.reshape(-1, side, height, width).swapaxes(1, 2).reshape(-1, side * width)


def _webp(mosaic: np.ndarray) -> bytes:
    file = io.BytesIO()
    Image.fromarray(mosaic).convert("RGB").save(file, "WEBP", lossless=True, quality=100, method=4)
    return file.getvalue()


def _unwebp(blob: bytes) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(blob)))


def _timed(call: Callable[[], Any]) -> tuple[float, Any]:
    start = time.process_time()
    result = call()
    return time.process_time() - start, result
