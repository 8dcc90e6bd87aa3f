"""Colour, measured: how colourful images are, how each channel's values are spread, how far sets are apart.

Everything here is computed from whole numbers counted over batches, so that it does not depend on how images are
split up, and no set has to fit into memory.
"""

from ccbench.colors.distance import color_distance, wasserstein
from ccbench.colors.histogram import channel_histogram
from ccbench.colors.kde import density
from ccbench.colors.opponents import FORMS, colorfulness
from ccbench.colors.sets import ColorMeasure, measure, measure_compressed, measure_dataset, measured

__all__ = [
    "FORMS",
    "ColorMeasure",
    "channel_histogram",
    "color_distance",
    "colorfulness",
    "density",
    "measure",
    "measure_compressed",
    "measure_dataset",
    "measured",
    "wasserstein",
]
