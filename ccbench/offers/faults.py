"""What a plugin raised, said short: the type, the text, and where in the plugin."""

from __future__ import annotations

import re
import traceback
from collections.abc import Iterable
from pathlib import Path

from ccbench.offers.discovery import KINDS, plugins


def place(error: BaseException, modules: Iterable[str] = ()) -> str:
    """``my_plugin/method.py:15``, the innermost line of a plugin that an exception went through, or "".

    Args:
        error: as it was caught.
        modules: names of plugins beside the installed ones.
    """
    offers = plugins()
    names = [*modules, *(plugin.module for plugin in offers.found)]
    names += [spec.place for kind in KINDS for spec in offers.all(kind).values()]
    tops = {re.split(r"[.:]", name)[0] for name in names} - {"ccbench"}
    last = ""
    for frame, line in traceback.walk_tb(error.__traceback__):
        top = str(frame.f_globals.get("__name__", "")).partition(".")[0]
        if top in tops:
            last = f"{_below(Path(frame.f_code.co_filename), top)}:{line}"
    return last


def said(error: BaseException, modules: Iterable[str] = ()) -> str:
    """One line: type and text of an exception, and the place in the plugin where there is one."""
    where = place(error, modules)
    text = f"{type(error).__name__}: {' '.join(str(error).split())}"[:500]
    return f"{text} ({where})" if where else text


def _below(file: Path, top: str) -> str:
    """A file's path from its top package on."""
    parts = file.parts
    return "/".join(parts[len(parts) - 1 - parts[::-1].index(top) :]) if top in parts else file.name
