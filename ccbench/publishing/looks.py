"""What a row's compressed file shows: its bytes by part, its images beside the originals, its colours."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from PIL import Image

from ccbench.data import DataSource
from ccbench.errors import UserError
from ccbench.inspection import Subject, contact_sheet, curves, open_subject
from ccbench.inspection.contents import part_bytes
from ccbench.leaderboard.escaping import clean
from ccbench.offers.discovery import Plugins
from ccbench.publishing.board import Line
from ccbench.store import Store


@dataclass(frozen=True)
class Figure:
    """A picture of a row's page.

    Attributes:
        path: in the published folder.
        content: of the file.
        alt: what it shows, for who cannot see it.
        caption: below it.
        width, height: in pixels.
    """

    path: str
    content: bytes
    alt: str
    caption: str
    width: int
    height: int


@dataclass(frozen=True)
class Looks:
    """What the file of one seed gave.

    Attributes:
        seed: its index.
        parts: bytes by what they hold.
        figures: of it.
    """

    seed: int
    parts: Mapping[str, int]
    figures: Sequence[Figure]


def look(line: Line, *, source: DataSource, store: Store, plugins: Plugins) -> Looks | None:
    """What the compressed file of a row gives: of the first seed whose file is at hand and is the record's own.

    Args:
        line: the row.
        source: where its dataset is looked for, to set originals beside the images.
        store: where measures of the original are kept.
        plugins: a :class:`ccbench.offers.discovery.Plugins`.

    Returns:
        None where no file is at hand, or it cannot be read.
    """
    for attempt in line.counting:
        file = attempt.artifact
        if file is None:
            continue
        try:
            subject = open_subject(file, dataset=None, source=source, store=store, plugins=plugins)
            parts, figures = part_bytes(file), _figures(line, subject)
        except UserError:
            continue
        return Looks(attempt.record.seed, parts, figures)
    return None


def _figures(line: Line, subject: Subject) -> list[Figure]:
    name = clean(line.values["method"], 200)
    against = "" if subject.unchanged is None else " beside their originals"
    found = [
        ("images", contact_sheet.beside(subject), f"Compressed images of {name}, by class{against}",
         f"Images of the file{against}, enlarged without smoothing."),
        ("colors", curves.png(subject), f"Densities of the red, green and blue values of {name}",
         "Densities of the channels: the file solid, its original dashed where it was at hand."),
    ]  # fmt: skip
    figures = []
    for end, content, alt, caption in found:
        with Image.open(io.BytesIO(content)) as image:
            figures.append(Figure(f"rows/{line.id}-{end}.png", content, alt, caption, *image.size))
    return figures
