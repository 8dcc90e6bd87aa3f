"""Images in: uint8 arrays, labels, class names and a content digest, built once into a memory-mapped cache.

Nothing here imports torch or pandas.
"""

from ccbench.data.cache import notes_on, open_dataset, opened, parts_of, shape_of
from ccbench.data.held_back import held_back
from ccbench.data.images import ImageDataset, Splits
from ccbench.data.source import TEST_SHARE, DataSource, ImageStream, NoTest

__all__ = [
    "TEST_SHARE", "DataSource", "ImageDataset", "ImageStream", "NoTest", "Splits", "held_back", "notes_on",
    "open_dataset", "opened", "parts_of", "shape_of",
]  # fmt: skip
