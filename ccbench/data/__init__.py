"""Images in: uint8 arrays, labels, class names and a content digest, built once into a memory-mapped cache.

Nothing here imports torch or pandas.
"""

from ccbench.data.cache import open_dataset, shape_of
from ccbench.data.images import ImageDataset, Splits
from ccbench.data.source import DataSource, ImageStream

__all__ = ["DataSource", "ImageDataset", "ImageStream", "Splits", "open_dataset", "shape_of"]
