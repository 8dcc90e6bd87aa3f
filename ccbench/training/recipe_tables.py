"""Recipes read from plain tables (TOML), strictly. No torch here."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import MISSING, fields, replace
from typing import Any

from ccbench.errors import UserError
from ccbench.offers.specs import did_you_mean
from ccbench.training.recipe import PRECISIONS, SIAMESE, Recipe
from ccbench.training.rules import Rule

CHOICES = {
    "optimizer": ("sgd", "adamw"),
    "decay": ("all", "matrices"),
    "schedule": ("cosine", "constant", "drop"),
    "schedule_step": ("iteration", "epoch"),
    "epochs_of": ("full", "budget"),
    "normalise": ("own", "imagenet"),
    "padding_mode": ("zeros", "reflect"),
    "mix": ("none", "cutmix", "mixup"),
    "labels": ("hard", "soft", "teacher"),
    "precision": PRECISIONS,
}
# name: (lowest, highest), both allowed; None is open
BOUNDS: dict[str, tuple[float | None, float | None]] = {
    "batch": (1, None),
    "lr": (0, None),
    "momentum": (0, 1),
    "weight_decay": (0, None),
    "cosine_length": (1, None),
    "lr_min": (0, None),
    "warmup": (0, 0.9),
    "iterations": (1, None),
    "epochs": (0, None),
    "min_iterations": (0, None),
    "crop_padding": (0, None),
    "crop_scale": (0, 1),
    "shuffle_patches": (1, None),
    "color_jitter": (0, 1),
    "blur": (0, 7),
    "mix_alpha": (0.001, None),
    "label_smoothing": (0, 0.99),
    "temperature": (0.01, None),
    "batchnorm_updates": (1, None),
    "evaluate_every": (0, None),
    "evaluate_every_epochs": (0, None),
    "evaluate_from": (0, 1),
    # of rules
    "min_classes": (1, None),
    "max_classes": (1, None),
    "min_ipc": (0, None),
    "max_ipc": (0, None),
    "min_size": (1, None),
    "max_size": (1, None),
}
_FIXED = ("architecture", "labels", "precision", "when")  # what no rule may change: planning reads them without a cell


def read_recipe(table: Any, owner: str) -> Recipe:
    """A checked recipe from a plain table.

    Args:
        table: keys and values as TOML gives them; ``when`` holds a list of rules.
        owner: who is named in errors.

    Raises:
        UserError: an unknown or missing key, a wrong type, a value out of range, or keys that contradict each other.
    """
    if not isinstance(table, Mapping):
        raise UserError(f"{owner} must be a table", found=repr(table))
    known = {f.name: str(f.type) for f in fields(Recipe)}
    _only(table, known, owner)
    missing = [f.name for f in fields(Recipe) if f.default is MISSING and f.name not in table]
    if missing:
        raise UserError(f"{owner}: {', '.join(missing)} missing")
    values = {key: _read(key, value, known[key], owner) for key, value in table.items() if key != "when"}
    recipe = Recipe(**values, when=_read_rules(table.get("when", []), known, owner))
    recipe.check(owner)
    for number, rule in enumerate(recipe.when, 1):
        replace(recipe, **dict(rule.overrides)).check(f"{owner}, rule {number}")
    return recipe


def _read_rules(tables: Any, known: Mapping[str, str], owner: str) -> tuple[Rule, ...]:
    if not isinstance(tables, list):
        raise UserError(f"{owner}: when takes tables, written [[....when]]", found=repr(tables))
    return tuple(_read_rule(table, known, f"{owner}, rule {number}") for number, table in enumerate(tables, 1))


def _read_rule(table: Any, known: Mapping[str, str], owner: str) -> Rule:
    if not isinstance(table, Mapping):
        raise UserError(f"{owner} must be a table", found=repr(table))
    conditions = {f.name: str(f.type) for f in fields(Rule) if f.name != "overrides"}
    changes = {key: kind for key, kind in known.items() if key not in _FIXED}
    _only(table, {**changes, **conditions}, owner)
    held: dict[str, Any] = {}
    for key in [key for key in table if key in conditions]:
        value = table[key]
        if key == "architecture":
            held[key] = _patterns(value, owner)
        else:
            held[key] = _read(key, value, conditions[key], owner)
    overrides = tuple((key, _read(key, value, changes[key], owner)) for key, value in table.items() if key in changes)
    if not held or not overrides:
        raise UserError(f"{owner} needs at least one condition and one key to change", found=sorted(map(str, table)))
    return Rule(**held, overrides=overrides)


def _only(table: Mapping[Any, Any], known: Mapping[str, Any], owner: str) -> None:
    for key in table:
        if key not in known:
            raise UserError(
                f"{owner}: there is no key {key!r}{did_you_mean(str(key), known)}",
                mend=f"the keys are {', '.join(known)}",
            )


def _patterns(value: Any, owner: str) -> tuple[str, ...]:
    patterns = [value] if isinstance(value, str) else value
    if not isinstance(patterns, list) or not patterns or not all(isinstance(p, str) and p for p in patterns):
        raise UserError(f"{owner}: architecture takes a pattern or a list of patterns", found=repr(value))
    return tuple(patterns)


def _read(key: str, value: Any, annotation: str, owner: str) -> Any:
    if key == "betas":
        return _betas(value, owner)
    kind: Any = {"str": str, "bool": bool, "int": int, "float": float}[annotation.partition(" ")[0]]
    if kind is float and type(value) is int:
        value = float(value)
    if type(value) is not kind:  # bool is an int, and no number is a flag
        raise UserError(f"{owner}: {key} takes {kind.__name__}", found=repr(value))
    if key in CHOICES and value not in CHOICES[key]:
        raise UserError(f"{owner}: {key} takes one of {', '.join(CHOICES[key])}", found=repr(value))
    if key == "siamese":
        _check_transforms(value, owner)
    low, high = BOUNDS.get(key, (None, None))
    finite = kind is not float or math.isfinite(value)
    if not finite or (low is not None and value < low) or (high is not None and value > high):
        raise UserError(f"{owner}: {key} must lie in [{low}, {'inf' if high is None else high}]", found=repr(value))
    return value


def _check_transforms(value: str, owner: str) -> None:
    names = value.split("_")
    if value != "none" and (not set(names) <= set(SIAMESE) or len(set(names)) < len(names)):
        raise UserError(
            f"{owner}: siamese takes transforms joined by _, each at most once", found=repr(value),
            mend=f"none, or some of {'_'.join(SIAMESE)}",
        )  # fmt: skip


def _betas(value: Any, owner: str) -> tuple[float, float]:
    numbers = value if isinstance(value, list | tuple) else []
    if len(numbers) != 2 or not all(type(b) in (int, float) and 0 <= b < 1 for b in numbers):
        raise UserError(f"{owner}: betas takes two numbers in [0, 1)", found=repr(value))
    return float(numbers[0]), float(numbers[1])
