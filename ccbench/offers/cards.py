"""Cards: the paper behind an offer and the questions that it leaves open, in TOML beside the plugin.

A card says what its spec does not. ``registry/schema.json`` says what may stand in one. Published numbers are in the
same folder, the registry.
"""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

from ccbench.errors import UserError
from ccbench.offers.resources import folders, read_table, resource
from ccbench.offers.specs import Spec

Card = dict[str, Any]
_REGISTRY = "ccbench.registry"


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
    fault = misfit(card, _schema())
    if fault:
        raise UserError(f"the card of {spec.kind} {spec.name} does not fit the schema", found=f"{path}: {fault}")
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


@cache
def _schema() -> dict[str, Any]:
    return json.loads((registry() / "schema.json").read_text(encoding="utf-8"))


_TYPES: dict[str, type] = {"object": dict, "array": list, "string": str, "integer": int}


def misfit(value: Any, schema: dict[str, Any], where: str = "") -> str:
    """Why a value does not fit a JSON schema of objects, arrays, texts and whole numbers, or ""."""
    at = f"{where}: " if where else ""
    if not isinstance(value, _TYPES[schema["type"]]) or isinstance(value, bool):
        return f"{at}{schema['type']} expected, found {value!r:.80}"
    if isinstance(value, dict):
        for key in schema.get("required", ()):
            if key not in value:
                return f"{at}{key} is missing"
        for key in value:
            if key not in schema["properties"]:
                return f"{at}unknown key {key!r:.80}"
        inner = [(value[key], schema["properties"][key], f"{where}.{key}".lstrip(".")) for key in value]
        return next(filter(None, (misfit(*one) for one in inner)), "")
    if isinstance(value, list):
        items = (misfit(item, schema["items"], f"{where}[{place}]") for place, item in enumerate(value))
        return next(filter(None, items), "")
    if isinstance(value, str):
        return "" if len(value) >= schema["minLength"] else f"{at}no text"
    return "" if schema["minimum"] <= value <= schema.get("maximum", value) else f"{at}{value!r:.40} is out of range"
