"""The registry's index, a page for people: every offer of ccbench but the commands, with its card.

``python -m ccbench.offers.card_index`` writes ``registry/index.md`` anew, and ``registry/schema.json``, what may stand
in a card, for editors; tests hold both files to what they are written from.
"""

from __future__ import annotations

import json
from pathlib import Path

import msgspec

from ccbench.files import atomic_write
from ccbench.offers import cards
from ccbench.offers.discovery import KINDS, Plugins
from ccbench.offers.specs import Spec

COMMAND = "python -m ccbench.offers.card_index"
HEAD = ("name", "version", "summary", "paper", "year", "open questions", "card")
_ROOT = Path(__file__).resolve().parents[2]


def index() -> str:
    """The page, in Markdown.

    Raises:
        UserError: a card cannot be read.
    """
    offers = Plugins()
    lines = ["# Offers and cards", "", f"Written by `{COMMAND}`; `ccbench describe NAME` shows all of one."]
    for kind in (kind for kind in KINDS if kind != "command"):
        rows = [_cells(spec) for spec in offers.all(kind).values() if _ours(spec, offers)]
        table = [HEAD, ("---",) * len(HEAD), *rows]
        lines += ["", f"## {kind.capitalize()}s", "", *(f"| {' | '.join(row)} |" for row in table)]
    return "\n".join(lines) + "\n"


def schema() -> str:
    """What may stand in a card, as a JSON schema."""
    head = {"$schema": "https://json-schema.org/draft/2020-12/schema"}
    return json.dumps(head | msgspec.json.schema(cards.Contents), indent=2) + "\n"


def _ours(spec: Spec, offers: Plugins) -> bool:
    owner = offers.owner(spec.kind, spec.name)
    return owner is not None and owner.distribution == "ccbench"


def _cells(spec: Spec) -> tuple[str, ...]:
    """One row: a cell for each of :data:`HEAD`."""
    card, path = cards.read(spec) or {}, cards.find(spec)
    paper = card.get("paper") or {"title": spec.paper, "year": ""}
    place = path.resolve().relative_to(_ROOT).as_posix() if path else ""
    facts = [spec.summary, paper["title"], str(paper["year"]), str(len(card.get("open", []))) if card else ""]
    link = f"[{place}](../{place})" if place else ""
    return (f"`{spec.name}`", spec.version, *(text.replace("|", "\\|") for text in facts), link)


if __name__ == "__main__":
    atomic_write(cards.registry() / "index.md", index())
    atomic_write(cards.registry() / "schema.json", schema())
