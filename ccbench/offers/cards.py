"""Cards: the paper behind an offer and the questions that it leaves open, in TOML beside the plugin.

A card says what its spec does not. :class:`Contents` says what may stand in one, and ``registry/schema.json`` the same
for editors. Published numbers are in the same folder, the registry.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Annotated, Any

from msgspec import UNSET, Meta, Struct, UnsetType

from ccbench.errors import UserError
from ccbench.offers.resources import folders, read_table, resource
from ccbench.offers.specs import Spec
from ccbench.schema import fit

Card = dict[str, Any]
Text = Annotated[str, Meta(min_length=1)]
_REGISTRY = "ccbench.registry"


class Paper(Struct, forbid_unknown_fields=True):
    """Where an offer was published."""

    title: Text
    authors: Text
    venue: Text
    year: Annotated[int, Meta(ge=1950, le=2100)]
    section: Text | UnsetType = UNSET
    url: Text | UnsetType = UNSET


class Question(Struct, forbid_unknown_fields=True):
    """What the definition leaves open, and which choice was taken."""

    question: Text
    choice: Text


class Contents(Struct, forbid_unknown_fields=True):
    """What an offer's spec does not say: where it comes from, and the choices taken where that leaves questions open.

    Attributes:
        paper: where it was published.
        open: what that leaves open.
        source: of a dataset, where the images come from.
        test: of a dataset, how many test images it has.
        trains: of a protocol, what is trained, on what and how long, in words; the numbers are in its recipe.
        metric: of a protocol, what is reported.
    """

    paper: Paper | UnsetType = UNSET
    open: list[Question] | UnsetType = UNSET
    source: Text | UnsetType = UNSET
    test: Annotated[int, Meta(ge=1)] | UnsetType = UNSET
    trains: Text | UnsetType = UNSET
    metric: Text | UnsetType = UNSET


@cache
def registry() -> Path:
    """The registry's folder: package data of an installed ccbench, or ``registry/`` beside the source tree."""
    inside = Path(__file__).resolve().parents[1] / "registry"
    return inside if inside.is_dir() else inside.parents[1] / "registry"  # a checkout without symbolic links


def find(spec: Spec) -> Path | None:
    """Where an offer's card lies: where its spec says, otherwise ``cards/NAME.toml`` beside its target.

    Only methods, datasets and protocols have a card unasked: a score may bear the name of the method that ranks by it.
    """
    if spec.card.startswith(f"{_REGISTRY}:"):
        path = registry() / spec.card.partition(":")[2]
        return path if path.is_file() else None
    if spec.card:
        return resource(spec.card)
    if not spec.carded:
        return None
    inside = Path("cards", f"{spec.name.rstrip(':')}.toml")
    module = spec.place.partition(":")[0]
    return next((folder / inside for folder in folders(module) if (folder / inside).is_file()), None)


def read(spec: Spec) -> Card | None:
    """An offer's card as a table, or None where it has none.

    Raises:
        UserError: the spec names a card that is not there, or the card is not TOML or does not fit the schema.
    """
    path = find(spec)
    if path is None:
        if spec.card:
            raise UserError(f"the card of {spec.kind} {spec.name} is not there", found=spec.card)
        return None
    try:
        card = read_table(path)
    except (OSError, ValueError) as error:
        raise UserError(f"the card of {spec.kind} {spec.name} cannot be read", found=f"{path}: {error}") from error
    try:
        fit(card, Contents)
    except ValueError as error:
        raise UserError(
            f"the card of {spec.kind} {spec.name} does not fit the schema", found=f"{path}: {error}"
        ) from error
    return card


def citation(card: Card | None) -> str:
    """A card's paper in one line, or "" where it has none."""
    paper = (card or {}).get("paper")
    if not paper:
        return ""
    said = [
        paper["authors"],
        paper["title"],
        f"{paper['venue']} {paper['year']}",
        paper.get("section"),
        paper.get("url"),
    ]
    return ", ".join(filter(None, said))
