"""Which prompt a picture is made with: the paper's two lists of hues, Table 6's fixed prompts, or a user's file."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ccbench.offers.specs import did_you_mean
from ccbench.plugin import UserError

HUES = ("cool", "warm")
_KEYS = ("template", *HUES)


@dataclass(frozen=True)
class Prompts:
    """A sentence and what may stand in it.

    Attributes:
        template: the prompt; ``{p}`` is replaced by the hue.
        cool, warm: the hues of each group, at least one.
    """

    template: str
    cool: tuple[str, ...]
    warm: tuple[str, ...]

    def draw(self, hue: str, number: int, seed: int) -> str:
        """The prompt of one picture.

        Args:
            hue: ``"cool"`` or ``"warm"``.
            number: which picture of this hue, from 0. Pictures of one image draw without replacement
                until the group is used up.
            seed: the same for all pictures of this image and hue.
        """
        group: tuple[str, ...] = getattr(self, hue)
        order = np.random.default_rng(seed).permutation(len(group))
        return self.template.replace("{p}", group[order[number % len(group)]])


# App. C, Table 12, where two hues are printed as "day light" and in italics; the released code says "daylight"
PAPER = Prompts(
    "Adjust the color hue to be {p} and preserve all details and content",
    cool=("rainy", "snowy", "infrared", "underwater", "frozen lake"),
    warm=("sepia", "sunny", "daylight", "vivid colors", "golden hour"),
)
NULL = Prompts("", cool=("",), warm=("",))  # Table 6
HIGH_RESOLUTION = Prompts("High-Resolution images", cool=("",), warm=("",))  # Table 6

BY_NAME = {"diffusion": PAPER, "null": NULL, "hr": HIGH_RESOLUTION}


def prompts_of(compensate: str, file: str) -> Prompts:
    """The prompts of ``compensate=diffusion|null|hr``, or those of a file.

    Raises:
        UserError: a file is given where the prompt is fixed, or it is not as :func:`read_prompts` wants it.
    """
    if not file:
        return BY_NAME[compensate]
    if compensate != "diffusion":
        raise UserError(
            f"compensate={compensate} has a prompt of its own and reads no prompts file",
            found=f"prompts={file}",
            mend="compensate=diffusion, or leave prompts out",
        )
    return read_prompts(file)


def read_prompts(path: str | Path) -> Prompts:
    """Prompts of a TOML file with ``cool`` and ``warm``, two lists of hues, and optionally ``template``.

    ``template`` holds ``{p}`` where the hue belongs; without it the paper's sentence is used.

    Raises:
        UserError: no such file, no TOML, an unknown or missing hue group, an empty one, a template without ``{p}``.
    """
    path = Path(path).expanduser()
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise UserError(f"the prompts file {path} cannot be read", found=error.strerror, mend="prompts=FILE") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UserError(f"the prompts file {path} is no TOML", found=error, mend='cool = ["rainy", "snowy"]') from None
    for key in table:
        if key not in _KEYS:
            raise UserError(
                f"the prompts file {path} has an unknown hue group {key!r}{did_you_mean(key, _KEYS)}",
                mend=f"the groups are {' and '.join(HUES)}, beside them only template",
            )
    template = table.get("template", PAPER.template)
    if not isinstance(template, str) or "{p}" not in template:
        raise UserError(
            f"the template of {path} has no place for the hue",
            found=repr(template),
            mend=f'template = "{PAPER.template}"',
        )
    return Prompts(template, *(_group(path, table, hue) for hue in HUES))


def _group(path: Path, table: dict[str, object], hue: str) -> tuple[str, ...]:
    found = table.get(hue)
    if not isinstance(found, list) or not found or not all(isinstance(p, str) and p.strip() for p in found):
        raise UserError(
            f"the prompts file {path} must list at least one {hue} hue, each a text",
            found="nothing" if found is None else repr(found),
            mend=f"{hue} = {list(getattr(PAPER, hue))}".replace("'", '"'),
        )
    return tuple(found)
