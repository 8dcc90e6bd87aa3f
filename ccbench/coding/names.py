"""The codings that a user can ask for. Imports nothing heavy: planning reads it."""

from __future__ import annotations

from importlib.util import find_spec
from typing import Any

from ccbench.errors import UserError

CODINGS = ("none", "best", "rans", "jxl", "webp", "zstd")
"""None; whatever makes each part of a file smallest; or how the pixels are coded."""

VERSIONS = {"rans": 1, "jxl": 1, "webp": 1, "zstd": 1}
"""Of each coder; a file says which one it was written by."""

MOST_PIXELS = 1 << 26
"""Of a picture file, and of an image as it is shown: a few bytes can claim any number."""


def check(coding: str) -> str:
    """The coding, if there is one of that name here.

    Raises:
        UserError: there is none, or what it needs is not installed.
    """
    if coding not in CODINGS:
        raise UserError(f"coding is one of {', '.join(CODINGS)}", found=repr(coding), mend="--coding best")
    if coding == "jxl" and coding not in picture_codecs():
        raise UserError("JPEG XL needs imagecodecs, which is not installed", mend="pip install 'ccbench[jxl]'")
    return coding


def picture_codecs() -> tuple[str, ...]:
    """The codecs that are installed here, the one that makes the smallest files of many images first."""
    return ("jxl", "webp") if find_spec("imagecodecs") else ("webp",)


def versions(coding: str) -> dict[str, Any]:
    """What can change a coded file beside its content: the coders that a coding means here, with their versions."""
    names = ("rans", *picture_codecs()) if coding == "best" else (coding,)
    return {"coding": coding, "coders": {name: VERSIONS[name] for name in (*names, "zstd")}}
