"""Plain text for specs: what list, describe and plugins share. Imports nothing heavy."""

from __future__ import annotations

import os
import re
import shutil
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import click

from ccbench.errors import UserError
from ccbench.offers.cards import citation
from ccbench.offers.discovery import KINDS, Plugins
from ccbench.offers.expressions import Call, read_params
from ccbench.offers.specs import Alias, NeedingSpec, Param, Spec, did_you_mean
from ccbench.records.cells import slug

if TYPE_CHECKING:
    from ccbench.runner.alone import Ended

_PLACE = re.compile(r"\(\S+:\d+\)$")  # of a plugin, as ccbench.offers.faults puts it
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]+")


def plain(text: object) -> str:
    """One line without control characters: what a plugin says must not steer the terminal."""
    return _CONTROL.sub(" ", str(text)).strip()


def fresh_log(command: str, name: str, text: str) -> str:
    """Write tracebacks to a file that was not there before; returns its path.

    Args:
        command: the subcommand that met them.
        name: what it was called with.
        text: of the tracebacks.
    """
    handle, path = tempfile.mkstemp(prefix=f"ccbench-{command}-{slug(name)}-", suffix=".log")
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        file.write(text)
    return path


def defect(command: str, name: str, end: Ended, *, mend: str) -> UserError:
    """What is said of work that ended by a defect; its traceback or what it printed is kept.

    Args:
        command, name: as for :func:`fresh_log`.
        end: how it ended.
        mend: the command that tells more.
    """
    whose = " of a plugin" if _PLACE.search(str(end)) else ""
    what = "its traceback is" if "Traceback" in end.log else "what it printed is"
    return UserError(f"a defect{whose}: {end}", found=f"{what} in {fresh_log(command, name, end.log)}", mend=mend)


def kind_of(text: str) -> str:
    """``method`` for ``method`` and ``methods``.

    Raises:
        UserError: there is no such kind.
    """
    name = text.lower()
    name = name if name in KINDS else name.removesuffix("s")
    if name in KINDS:
        return name
    plurals = [f"{kind}s" for kind in KINDS] + ["plugins"]
    raise UserError(f"there is no kind {text!r}{did_you_mean(text, plurals)}", mend=f"one of {', '.join(plurals)}")


def table(rows: Sequence[tuple[str, ...]], indent: str = "  ") -> str:
    """Aligned columns; the last one is cut at the terminal's edge on a terminal and whole elsewhere."""
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]) - 1)]
    lines = [
        indent + "  ".join([*(c.ljust(w) for c, w in zip(row, widths, strict=False)), row[-1]]).rstrip() for row in rows
    ]
    if not (sys.stdout is not None and sys.stdout.isatty()):
        return "\n".join(lines)
    edge = shutil.get_terminal_size().columns
    return "\n".join(line if len(line) <= edge else line[: edge - 1] + "…" for line in lines)


def as_json(spec: Spec, plugins: Plugins) -> dict[str, Any]:
    """A spec as JSON-able data, with its kind, the distribution that offers it and the paper that its card names."""
    facts = {name: value for name, value in asdict(spec).items() if name not in {"params", "card"}}
    if facts.get("budgets") in {"fraction", "none"}:
        facts["bits"] = ()  # it has no palettes
    if isinstance(spec, NeedingSpec):
        asked = spec.asks()
        facts["needs"] = [
            {"stage": n.stage, "params": dict(n.params), "when": dict(n.when), "unless": dict(n.unless)} for n in asked
        ]
    facts["aliases"] = [{"name": a.name, "stands_for": label_of(spec, a, plugins)} for a in spec.aliases]
    owner = plugins.owner(spec.kind, spec.name)
    return {
        "kind": spec.kind,
        **facts,
        "paper": citation(plugins.card(spec)) or spec.paper,
        "params": [_param(p) for p in spec.params],
        "distribution": owner.distribution if owner else "",
        "module": owner.module if owner else "",
    }


def label_of(spec: Spec, alias: Alias, plugins: Plugins) -> str:
    """The canonical text of what an alias stands for, such as ``convnet[depth=4]``."""
    try:
        params = read_params(spec, dict(alias.params), plugins)
    except UserError:  # it names an offer that is not there, which whoever uses it is told
        params = tuple(spec.read_params(dict(alias.params)).items())
    return Call(spec.name, spec, params).label


def type_of(param: Param) -> str:
    """The name of the type that a parameter takes."""
    kind = param.type or type(param.default)
    return "any" if kind is type(None) else kind.__name__


def _param(param: Param) -> dict[str, Any]:
    choices = list(param.choices) if isinstance(param.choices, tuple) else param.choices
    return {
        "name": param.name,
        "type": type_of(param),
        "default": param.default,
        "choices": choices,
        **({"words": list(param.words)} if param.words else {}),
        "low": param.low,
        "high": param.high,
        "doc": param.doc,
    }


def warn_broken(plugins: Plugins) -> None:
    """One line on stderr where a plugin is broken."""
    broken = plugins.broken()
    if broken:
        names = ", ".join(f"{p.name} ({p.distribution})" for p in broken)
        click.echo(f"warning: broken: {plain(names)}; see: ccbench plugins", err=True)
