"""What trainings need beside :mod:`ccbench.runner.heavy`, imported once for many processes; it runs nothing."""

import torch._dynamo  # the first optimizer of a process imports it, which takes a second; it starts no thread

import ccbench.runner.heavy

__all__ = ["ccbench", "torch"]
