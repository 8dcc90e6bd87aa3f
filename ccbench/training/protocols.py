"""Protocols: named, versioned training recipes. No torch here."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from ccbench.errors import UserError
from ccbench.offers.discovery import Plugins
from ccbench.offers.expressions import edition, read_call
from ccbench.training.recipe import PRECISIONS, Recipe
from ccbench.training.recipe_tables import read_recipe

__all__ = ["Protocol", "Recipe", "load_protocol", "read_recipe"]


@dataclass(frozen=True, kw_only=True)
class Protocol:
    """A named evaluation recipe and the recipes of the networks that help.

    Attributes:
        train: of the networks that are evaluated.
        proxy: of the network that scores, features and attention come from.
        own_teacher: of the network that labels and ranks pictures; None: as the proxy.
    """

    name: str
    version: str
    summary: str
    train: Recipe
    proxy: Recipe
    own_teacher: Recipe | None = None

    @property
    def architecture(self) -> str:
        """The network that is trained where nobody names another."""
        return self.train.architecture

    @property
    def teacher(self) -> Recipe:
        """How the teacher is trained: the table ``[teacher]``, or ``[proxy]`` where there is none."""
        return self.own_teacher or self.proxy

    def at(self, precision: str | None) -> Protocol:
        """The same with every network trained in another number format; None changes nothing."""
        if precision is None:
            return self
        if precision not in PRECISIONS:
            raise UserError(f"the precision is one of {', '.join(PRECISIONS)}", found=repr(precision))
        teacher = self.own_teacher and replace(self.own_teacher, precision=precision)
        train, proxy = (replace(recipe, precision=precision) for recipe in (self.train, self.proxy))
        return replace(self, train=train, proxy=proxy, own_teacher=teacher)


def load_protocol(name: str, plugins: Plugins) -> Protocol:
    """A protocol by name, parameters in brackets.

    Raises:
        UserError: the name or a parameter is unknown, or its table has an unknown or missing key, a wrong type
            or a value out of range.
    """
    call = read_call("protocol", name, plugins)
    try:
        table = call.build()
    except UserError:
        raise
    except Exception as error:
        raise UserError(
            f"protocol {name} cannot be read from {call.spec.place}",
            found=f"{type(error).__name__}: {error}",
            mend="ccbench plugins shows where it comes from",
        ) from error
    owner = f"protocol {name}"
    if not isinstance(table, Mapping) or not {"train", "proxy"} <= set(table) <= {"train", "proxy", "teacher"}:
        found = sorted(map(str, table)) if isinstance(table, Mapping) else type(table).__name__
        raise UserError(
            f"{owner}: the table needs [train] and [proxy], may have [teacher], and nothing else", found=found
        )
    recipes = {key: read_recipe(recipe, f"{owner}, [{key}]") for key, recipe in table.items()}
    for key in ("proxy", "teacher"):
        if key in recipes and recipes[key].labels == "teacher":
            raise UserError(f"{owner}, [{key}]: this network has no teacher", found="labels = 'teacher'")
    return Protocol(
        name=call.label,
        version=edition(call, plugins),
        summary=call.spec.summary,
        train=recipes["train"],
        proxy=recipes["proxy"],
        own_teacher=recipes.get("teacher"),
    )
