"""A sheet with some images of each class."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from ccbench.archive import CompressedDataset
from ccbench.inspection.subject import Subject
from ccbench.leaderboard.escaping import clean

ROWS = 20  # classes on one sheet
_LARGEST, _SMALLEST = 160, 64  # pixels of an image's longer side as it is shown
_MARGIN, _LINE = 6, 18
_LABELS = 170  # pixels for a class name at most


def png(subject: Subject, *, images: int = 8, **_: Any) -> bytes:
    """A PNG file: a row for each class, its name and count at the left; evenly spaced over more than ``ROWS`` classes.

    Small images are enlarged by a whole factor, without smoothing, so that their pixels can be seen.

    Args:
        subject: what is looked at.
        images: of each class at most, >= 1, evenly spaced over those there are.

    Raises:
        UserError: an encoded image is damaged.
    """
    compressed = subject.compressed
    chosen, size = spread(len(compressed.classes), ROWS), shown_size(*compressed.shape)
    sheet = []
    for label in chosen:
        where = np.flatnonzero(compressed.labels == label)
        pictures = [shown(pixels_of(compressed, place), size) for place in where[spread(len(where), images)]]
        sheet.append(Row(compressed.classes[label], _count(where), pictures))
    return drawn(sheet, size, _thinned(chosen, subject))


def beside(subject: Subject, *, classes: int = 5, images: int = 8) -> bytes:
    """A PNG file: of each class a row of compressed images and, where the original is the very one, theirs below.

    Images that were made and not taken stand alone.

    Args:
        subject: what is looked at.
        classes: shown at most, >= 1, evenly spaced over those there are; ``images`` likewise of each class.

    Raises:
        UserError: an encoded image is damaged.
    """
    compressed, original = subject.compressed, subject.unchanged
    chosen, size = spread(len(compressed.classes), classes), shown_size(*compressed.shape)
    sheet = []
    for label in chosen:
        where = np.flatnonzero(compressed.labels == label)
        where = where[spread(len(where), images)]
        sheet.append(
            Row(compressed.classes[label], "compressed", [shown(pixels_of(compressed, p), size) for p in where])
        )
        ids = compressed.ids[where]
        if original is not None and len(ids) and ids.min() >= 0 and ids.max() < len(original):
            sheet.append(Row("", "original", [shown(np.asarray(original.images[i]), size) for i in ids]))
    return drawn(sheet, size, _thinned(chosen, subject))


def _count(where: np.ndarray) -> str:
    return f"{len(where):,} image{'s' * (len(where) != 1)}"


def _thinned(chosen: np.ndarray, subject: Subject) -> str:
    """A title where not all classes are shown."""
    every = len(subject.compressed.classes)
    return f"{len(chosen)} of {every} classes" if len(chosen) < every else ""


@dataclass(frozen=True)
class Row:
    """Of a sheet: a name, a line below it, images of one size, and below each of them a line, where there are any."""

    name: str
    below: str
    images: Sequence[Image.Image]
    captions: Sequence[str] = ()


def drawn(rows: Sequence[Row], size: tuple[int, int], title: str = "") -> bytes:
    """A PNG file of rows.

    Args:
        rows: one or more.
        size: (width, height) of their images, in pixels.
        title: above them.
    """
    (width, height), font, small = size, _font(14), _font(11)
    names = [_fitting(clean(row.name, 60), font) for row in rows]
    texts = [*((name, font) for name in names), *((row.below, small) for row in rows)]
    left = 3 * _MARGIN + round(max(used.getlength(text) for text, used in texts))
    top = _MARGIN + (_LINE if title else 0)
    across = max(len(row.images) for row in rows)
    tall = max(height + (_LINE if any(row.captions for row in rows) else 0), 2 * _LINE)
    sheet = Image.new("RGB", (left + across * (width + _MARGIN), top + len(rows) * (tall + _MARGIN)), "white")
    draw = ImageDraw.Draw(sheet)
    if title:
        draw.text((_MARGIN, 3), clean(title, 100), "#555555", small)
    for place, (row, name) in enumerate(zip(rows, names, strict=True)):
        y = top + place * (tall + _MARGIN)
        draw.text((_MARGIN, y), name, "black", font)
        draw.text((_MARGIN, y + _LINE), row.below, "#555555", small)
        for column, image in enumerate(row.images):
            sheet.paste(image, (left + column * (width + _MARGIN), y))
        for column, caption in enumerate(row.captions):
            draw.text((left + column * (width + _MARGIN), y + height + 1), caption, "#555555", small)
    buffer = io.BytesIO()
    sheet.save(buffer, "PNG")
    return buffer.getvalue()


def pixels_of(compressed: CompressedDataset, place: int) -> np.ndarray:
    """(H, W, 3) uint8, decoded alone: images may be large."""
    return compressed.decode([int(place)])[0].permute(1, 2, 0).numpy()


def spread(count: int, most: int) -> np.ndarray:
    """At most so many of 0..count-1, evenly spaced, the first and the last among them where there are two.

    Examples:
        >>> spread(10, 4).tolist(), spread(3, 8).tolist()
        ([0, 3, 6, 9], [0, 1, 2])
    """
    return np.linspace(0, count - 1, min(count, most)).round().astype(np.int64) if count else np.empty(0, np.int64)


def shown_size(height: int, width: int) -> tuple[int, int]:
    """(width, height) at which images are shown, the shape kept as far as whole pixels allow."""
    longer = max(height, width)
    if longer <= _LARGEST:
        factor = max(1, -(-_SMALLEST // longer))
        return width * factor, height * factor
    return max(1, round(width * _LARGEST / longer)), max(1, round(height * _LARGEST / longer))


def shown(pixels: np.ndarray, size: tuple[int, int]) -> Image.Image:
    """An image at (width, height), enlarged without smoothing."""
    smaller = size[0] < pixels.shape[1] or size[1] < pixels.shape[0]
    method = Image.Resampling.LANCZOS if smaller else Image.Resampling.NEAREST
    return Image.fromarray(pixels).resize(size, method)


def _font(size: int) -> ImageFont.FreeTypeFont:
    """DejaVu Sans, which comes with matplotlib and knows most alphabets."""
    from matplotlib import get_data_path

    return ImageFont.truetype(f"{get_data_path()}/fonts/ttf/DejaVuSans.ttf", size)


def _fitting(text: str, font: ImageFont.FreeTypeFont) -> str:
    """As much of a name as fits beside the images."""
    while font.getlength(text) > _LABELS:
        text = text.rstrip("…")[:-1] + "…"
    return text
