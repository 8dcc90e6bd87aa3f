"""A sheet with some images of each class."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
from PIL import Image, ImageDraw, ImageFont

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
    chosen, (width, height) = spread(len(compressed.classes), ROWS), shown_size(*compressed.shape)
    places = {label: np.flatnonzero(compressed.labels == label) for label in chosen}
    picked = {label: where[spread(len(where), images)] for label, where in places.items()}
    font, small = _font(14), _font(11)
    names = {label: _fitting(clean(compressed.classes[label], 60), font) for label in chosen}
    counts = {label: f"{len(where):,} image{'s' * (len(where) != 1)}" for label, where in places.items()}
    texts = [*((name, font) for name in names.values()), *((count, small) for count in counts.values())]
    left = 3 * _MARGIN + round(max(used.getlength(text) for text, used in texts))
    top = _MARGIN + (_LINE if len(chosen) < len(compressed.classes) else 0)
    across, tall = max(map(len, picked.values())), max(height, 2 * _LINE)
    sheet = Image.new("RGB", (left + across * (width + _MARGIN), top + len(chosen) * (tall + _MARGIN)), "white")
    draw = ImageDraw.Draw(sheet)
    if len(chosen) < len(compressed.classes):
        draw.text((_MARGIN, 3), f"{len(chosen)} of {len(compressed.classes)} classes", "#555555", small)
    for row, label in enumerate(chosen):
        y = top + row * (tall + _MARGIN)
        draw.text((_MARGIN, y), names[label], "black", font)
        draw.text((_MARGIN, y + _LINE), counts[label], "#555555", small)
        for column, place in enumerate(picked[label]):
            pixels = compressed.decode([int(place)])[0].permute(1, 2, 0).numpy()  # one at a time: they may be large
            sheet.paste(_shown(pixels, (width, height)), (left + column * (width + _MARGIN), y))
    buffer = io.BytesIO()
    sheet.save(buffer, "PNG")
    return buffer.getvalue()


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


def _shown(pixels: np.ndarray, size: tuple[int, int]) -> Image.Image:
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
