"""The large libraries that work needs sooner or later, imported once for many processes; it runs nothing.

A process that is forked from one which has imported this starts in a fraction of the time. No plugin is among them:
each process finds those that its own item names.
"""

import PIL.Image
import rich.style
import scipy.stats
import sklearn.cluster
import sklearn.neighbors
import timm
import torch
import torchvision

import ccbench.archive
import ccbench.coding
import ccbench.colors
import ccbench.methods.compress
import ccbench.methods.match_bytes
import ccbench.runner.compressing
import ccbench.runner.training
import ccbench.training

__all__ = ["PIL", "ccbench", "rich", "scipy", "sklearn", "timm", "torch", "torchvision"]
