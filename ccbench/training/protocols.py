"""Protocols: named, versioned training recipes, read from plain tables (TOML). No torch here."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import MISSING, asdict, dataclass, fields, replace
from typing import Any

from ccbench.errors import UserError
from ccbench.plugins import Plugins
from ccbench.specs import did_you_mean

CHOICES = {
    "optimizer": ("sgd",),
    "schedule": ("cosine", "constant"),
    "padding_mode": ("zeros", "reflect"),
    "labels": ("hard", "soft"),
}
# name: (lowest, highest), both allowed; None is open
BOUNDS: dict[str, tuple[float | None, float | None]] = {
    "batch": (1, None),
    "lr": (0, None),
    "momentum": (0, 1),
    "weight_decay": (0, None),
    "lr_min": (0, None),
    "warmup": (0, 0.9),
    "iterations": (1, None),
    "epochs": (0, None),
    "min_iterations": (0, None),
    "crop_padding": (0, None),
    "label_smoothing": (0, 0.99),
    "evaluate_every": (0, None),
}


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """How one network is trained.

    Attributes:
        architecture: the network's name.
        batch: images per update, >= 1; never changed by micro-batches or by the number of devices.
        optimizer: ``"sgd"``.
        lr, momentum, weight_decay, nesterov: of the optimiser; weight decay acts on every parameter.
        schedule: ``"cosine"`` from ``lr`` to ``lr_min``, one step per iteration, or ``"constant"``.
        warmup: share of the iterations, in [0, 0.9], in which the rate climbs from near 0 to ``lr``.
        iterations: updates; or instead
        epochs, min_iterations: passes over the FULL training set, whatever a method kept of it, and at least
            so many updates.
        crop_padding: pixels added at each side before a crop back to the image's size; 0 is no crop.
        padding_mode: ``"zeros"`` (black) or ``"reflect"``.
        flip: whether half of the images are mirrored.
        label_smoothing: in [0, 1); for hard labels only.
        labels: ``"hard"``, or ``"soft"`` to use a method's soft labels where it stores any.
        evaluate_every: iterations between looks at the test set for ``best_accuracy``; 0 is never.
    """

    architecture: str
    batch: int
    lr: float
    optimizer: str = "sgd"
    momentum: float = 0.9
    weight_decay: float = 0.0
    nesterov: bool = False
    schedule: str = "cosine"
    lr_min: float = 0.0
    warmup: float = 0.0
    iterations: int | None = None
    epochs: float | None = None
    min_iterations: int = 0
    crop_padding: int = 0
    padding_mode: str = "zeros"
    flip: bool = False
    label_smoothing: float = 0.0
    labels: str = "hard"
    evaluate_every: int = 0

    def steps(self, images: int) -> int:
        """Updates for a FULL training set of that many images; the same for every method."""
        if self.iterations is not None:
            return self.iterations
        return max(self.min_iterations, math.ceil((self.epochs or 0) * images / self.batch), 1)

    def axes(self) -> dict[str, Any]:
        """Everything that can change what the recipe gives, for cache keys."""
        return asdict(self)

    def using(self, architecture: str | None) -> Recipe:
        """The same recipe with another network; None changes nothing."""
        return self if architecture is None else replace(self, architecture=architecture)


@dataclass(frozen=True, kw_only=True)
class Protocol:
    """A named evaluation recipe and the recipe of its proxy network."""

    name: str
    version: str
    summary: str
    train: Recipe
    proxy: Recipe

    @property
    def architecture(self) -> str:
        """The network that is trained where nobody names another."""
        return self.train.architecture


def load_protocol(name: str, plugins: Plugins) -> Protocol:
    """A protocol by name.

    Raises:
        UserError: the name is unknown, or its table has an unknown or missing key, a wrong type
            or a value out of range.
    """
    spec = plugins.get("protocol", name)
    table = spec.load()()
    owner = f"protocol {name}"
    if not isinstance(table, Mapping) or set(table) != {"train", "proxy"}:
        found = sorted(map(str, table)) if isinstance(table, Mapping) else type(table).__name__
        raise UserError(f"{owner}: the table needs [train] and [proxy], and nothing else", found=found)
    return Protocol(
        name=name,
        version=spec.version,
        summary=spec.summary,
        train=read_recipe(table["train"], f"{owner}, [train]"),
        proxy=read_recipe(table["proxy"], f"{owner}, [proxy]"),
    )


def read_recipe(table: Any, owner: str) -> Recipe:
    """A checked recipe from a plain table.

    Args:
        table: keys and values as TOML gives them.
        owner: who is named in errors.

    Raises:
        UserError: as for :func:`load_protocol`.
    """
    if not isinstance(table, Mapping):
        raise UserError(f"{owner} must be a table", found=repr(table))
    known = {f.name: f for f in fields(Recipe)}
    for key in table:
        if key not in known:
            raise UserError(
                f"{owner}: there is no key {key!r}{did_you_mean(str(key), known)}",
                mend=f"the keys are {', '.join(known)}",
            )
    missing = [n for n, f in known.items() if f.default is MISSING and n not in table]
    if missing:
        raise UserError(f"{owner}: {', '.join(missing)} missing")
    recipe = Recipe(**{key: _read(key, value, str(known[key].type), owner) for key, value in table.items()})
    if (recipe.iterations is None) == (recipe.epochs is None):
        raise UserError(
            f"{owner}: give either iterations or epochs (with min_iterations)",
            found="neither" if recipe.epochs is None else "both",
        )
    if recipe.iterations is not None and recipe.min_iterations:
        raise UserError(f"{owner}: min_iterations goes with epochs, not with iterations")
    if recipe.nesterov and not recipe.momentum:
        raise UserError(f"{owner}: nesterov needs a momentum above 0")
    return recipe


def _read(key: str, value: Any, annotation: str, owner: str) -> Any:
    kind: Any = {"str": str, "bool": bool, "int": int, "float": float}[annotation.partition(" ")[0]]
    if kind is float and type(value) is int:
        value = float(value)
    if type(value) is not kind:  # bool is an int, and no number is a flag
        raise UserError(f"{owner}: {key} takes {kind.__name__}", found=repr(value))
    if key in CHOICES and value not in CHOICES[key]:
        raise UserError(f"{owner}: {key} takes one of {', '.join(CHOICES[key])}", found=repr(value))
    low, high = BOUNDS.get(key, (None, None))
    finite = kind is not float or math.isfinite(value)
    if not finite or (low is not None and value < low) or (high is not None and value > high):
        raise UserError(f"{owner}: {key} must lie in [{low}, {'inf' if high is None else high}]", found=repr(value))
    return value
