"""One image file to RGB pixels, by stated rules.

* EXIF orientation is applied; colour profiles are not.
* The first frame of an animation or of several pages is taken.
* Grey, palette, YCbCr, CMYK and Lab images are converted to RGB by Pillow.
* Transparency is laid over white.
* 16-bit grey keeps its high byte, as Pillow does with 16-bit colour. Floating-point images are refused: nothing
  says what their white is.
* Resizing to S: the shorter side is scaled to S, bicubic and antialiased, and the middle S x S is kept; both in one
  step, so that a long strip costs no more than a square. An image that is S x S already is left as it is.
* A JPEG file that lacks its end marker alone and a PNG file with more text than Pillow takes are read; see
  :mod:`.repairs`.
* With ``draft``, a JPEG file whose shorter side is 4 S or more is decoded at 1/2, 1/4 or 1/8 first, the smallest
  that leaves 2 S: two to ten times as fast, and off by less than one grey level on average.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
from PIL import ExifTags, Image, ImageOps, UnidentifiedImageError

from cc_plugins.datasets.repairs import with_end, without_text
from ccbench.files import special

ENDLESS = "a missing end marker (JPEG)"  # what a file was read in spite of
_SWAPPED = frozenset({5, 6, 7, 8})  # EXIF orientations that lie on their side


class UnreadableError(Exception):
    """Why one file is no image that can be used."""


def size_of(path: Path) -> tuple[int, int]:
    """(width, height) after orientation, from the header where that is enough.

    Not for threads: it silences warnings while it runs.

    Raises:
        UnreadableError: the file is no image, or one so large that Pillow suspects an attack.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        warnings.simplefilter("error", Image.DecompressionBombWarning)
        try:
            with _opened(path) as image:
                orientation = image.getexif().get(ExifTags.Base.Orientation, 1)
                if image.format == "TIFF" and orientation != 1:
                    image.load()  # Pillow turns TIFF files itself, some versions only now
                    return ImageOps.exif_transpose(image).size
                width, height = image.size
                return (height, width) if orientation in _SWAPPED else (width, height)
        except Exception as error:  # a decoder meets damaged bytes with errors of any class
            raise UnreadableError(_reason(error)) from error


def read(path: Path, size: int | None, *, draft: bool = False, mended: list[str] | None = None) -> np.ndarray:
    """The pixels, (H, W, 3) uint8; resized to ``size`` x ``size`` unless that is None.

    Args:
        path: of the file.
        size: pixels on a side, or None.
        draft: whether large JPEG files may be decoded at a part of their size.
        mended: gets :data:`ENDLESS` for a JPEG file without its end marker.

    Raises:
        UnreadableError: the file is truncated, damaged or of a kind without a rule.
    """
    try:
        try:
            rgb, part = _decoded(path, size if draft else None)
        except OSError:
            whole = with_end(path)
            if whole is None:
                raise
            rgb, part = _decoded(whole, size if draft else None)
            if mended is not None:
                mended.append(ENDLESS)
    except Exception as error:  # as above
        raise UnreadableError(_reason(error)) from error
    if size is not None and rgb.size != (size, size):
        # 427 pixels at 1/2 are 214, of which the picture fills 213.5
        width, height = part[1][2:] if part else rgb.size
        side = min(width, height)
        left, top = (width - side) / 2, (height - side) / 2
        rgb = rgb.resize((size, size), Image.Resampling.BICUBIC, box=(left, top, left + side, top + side))
    return np.asarray(rgb)


def _decoded(file: Path | BytesIO, size: int | None) -> tuple[Image.Image, Any]:
    """A file as RGB, and what Pillow says of a part of its size, for which ``size`` asks."""
    with _opened(file) as image:
        part = None
        if size is not None and image.getexif().get(ExifTags.Base.Orientation, 1) == 1:
            part = image.draft(None, (2 * size, 2 * size))
        image.load()
        return to_rgb(ImageOps.exif_transpose(image)), part


@contextmanager
def _opened(file: Path | BytesIO) -> Iterator[Image.Image]:
    """Pillow's image of a file; of a PNG file with too much text the image without it."""
    if isinstance(file, Path) and (what := special(file)):
        raise UnreadableError(f"{what}, not a file")
    try:
        image = Image.open(file)
        if image.format == "PNG":
            image.load()  # texts may follow the pixels
    except ValueError:
        short = without_text(file) if isinstance(file, Path) else None
        if short is None:
            raise
        image = Image.open(short)
    with image:
        yield image


def to_rgb(image: Image.Image) -> Image.Image:
    """Any Pillow image as RGB, by the rules above."""
    mode = image.mode
    if mode == "F":
        raise UnreadableError("floating-point pixels, whose white is unknown")
    if mode.startswith("I"):
        values = np.asarray(image)
        if values.min() < 0 or values.max() > 0xFFFF:
            raise UnreadableError("whole-number pixels beyond 16 bits")
        return Image.fromarray((values >> 8).astype(np.uint8)).convert("RGB")
    if mode in {"RGBA", "LA", "PA", "RGBa", "La"} or "transparency" in image.info:
        whole = image.convert("RGBA")
        return Image.alpha_composite(Image.new("RGBA", whole.size, "white"), whole).convert("RGB")
    return image.convert("RGB")


def _reason(error: Exception) -> str:
    if isinstance(error, UnidentifiedImageError):
        return "not an image that Pillow knows"
    if isinstance(error, (Image.DecompressionBombWarning, Image.DecompressionBombError)):
        return f"more than {Image.MAX_IMAGE_PIXELS:,} pixels"
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return str(error) or type(error).__name__
