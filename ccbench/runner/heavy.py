"""What every piece of work needs sooner or later, imported once for many processes; it runs nothing.

A process that is forked from one which has imported this starts in a fraction of the time. No plugin is among them, nor
a library that some work does without: each process finds what its own item needs.
"""

import PIL.Image
import rich.style
import torch

import ccbench.archive
import ccbench.coding
import ccbench.colors
import ccbench.methods.compress
import ccbench.methods.match_bytes
import ccbench.runner.compressing
import ccbench.runner.training
import ccbench.training

__all__ = ["PIL", "ccbench", "rich", "torch"]
