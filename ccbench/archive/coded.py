"""Which array of a file is coded by which coder, and the way back."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from ccbench.archive import container, pictures
from ccbench.archive.packing import unpack
from ccbench.archive.palette import PaletteImages
from ccbench.archive.payloads import Payload, RawImages
from ccbench.archive.pending import pending
from ccbench.coding import indices, plain
from ccbench.coding.names import MOST_PIXELS, VERSIONS, check, picture_codecs
from ccbench.errors import Unfit

_FITS = {"rans": "palette", "jxl": "raw", "webp": "raw"}
_PIXELS = {"palette": "packed", "raw": "images"}  # the array that holds them, by kind of payload
_ENTRY = 80  # bytes that the file's header has for an array
_NAMED = 40  # and for a coded array more, its name among the facts
_TRY_ALL = 4 << 20  # bytes of pixels up to which another coder may do better than the one that usually does best


def code(
    payload: Payload, arrays: Mapping[str, np.ndarray], coding: str
) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """Make arrays smaller where that is possible.

    Args:
        payload: what they are of.
        arrays: everything that the file holds.
        coding: one of :data:`ccbench.coding.names.CODINGS`.

    Returns:
        Facts of each coded array, by its name, and all arrays that the file is to hold.

    Raises:
        Unfit: that coder is not for this kind of images.
        UserError: there is no such coding, or it is not installed.
    """
    check(coding)
    if coding == "none":
        return {}, dict(arrays)
    if coding in _FITS and payload.kind in _PIXELS and _FITS[coding] != payload.kind:
        raise Unfit(
            f"{coding} codes {'palette indices' if coding == 'rans' else 'raw images'}", found=repr(payload),
            mend="--coding best",
        )  # fmt: skip
    facts: dict[str, Any] = {}
    out: dict[str, np.ndarray] = {}
    for name, array in arrays.items():
        ways = _pixels(payload, coding) if name == _PIXELS.get(payload.kind) else _plainly(array)
        best = min(ways, key=_size, default=None) if array.size else None
        if best is not None and _size(best) + _NAMED < array.nbytes + _ENTRY:
            about, parts = best
            facts[name] = about
            out |= {f"{name}.{part}" if part else name: value for part, value in parts.items()}
        else:
            out[name] = array
    return facts, out


Way = tuple[dict[str, Any], dict[str, np.ndarray]]


def _size(way: Way) -> int:
    """Bytes of the file that a coded array takes."""
    about, parts = way
    facts = len(json.dumps(json.dumps(about)))  # text within text, quotes escaped
    return sum(array.nbytes for array in parts.values()) + facts + _ENTRY * len(parts)


def _plainly(array: np.ndarray) -> Iterator[Way]:
    about, data = plain.encode(array)
    yield about, {"": data}


def _pixels(payload: Payload, coding: str) -> Iterator[Way]:
    """Pixels, coded in every way that a coding allows; images too large to be decoded again stay as they are."""
    if math.prod(payload.shape) > MOST_PIXELS:
        return
    if isinstance(payload, RawImages):
        few = payload.images.nbytes <= _TRY_ALL
        best = picture_codecs() if few else picture_codecs()[:1]
        for codec in {"best": best, "zstd": ()}.get(coding, (coding,)):
            coded = pictures.encode(payload.images, codec)
            yield coded.facts, coded.arrays
        if coding == "zstd":
            yield from _plainly(payload.images)
    if isinstance(payload, PaletteImages):
        if coding != "zstd" and indices.Layout.of(len(payload), *payload.shape).bounded:
            found = _range_coded(payload)
            yield found.facts, found.arrays
        if coding == "zstd" or (coding == "best" and payload.packed.nbytes <= _TRY_ALL):
            yield from _plainly(payload.packed)


def _range_coded(payload: PaletteImages) -> indices.Coded:
    each, packed, bits = math.prod(payload.shape), payload.packed, payload.bits

    def source(start: int, stop: int) -> np.ndarray:
        return unpack(packed, bits, (stop - start) * each, start * each).reshape(-1, *payload.shape)

    return indices.encode(source, (len(payload), *payload.shape), bits, payload.clusters)


def said(path: str | os.PathLike[str]) -> str:
    """Which parts of a file are coded by what, in one line."""
    facts, arrays, _ = container.read(path)
    coded = facts.get("coded", {})
    names = dict.fromkeys(name.partition(".")[0] for name in arrays)
    ways = [f"{name} by {coded[name]['coder']}" for name in names if name in coded]
    left = [name for name in names if name not in coded]
    parts = [
        *([", ".join(ways)] if ways else ["nothing"]),
        *([f"{', '.join(left)} would not get smaller"] if left else []),
    ]
    return f"coded: {'; '.join(parts)}"


def coders(facts: Mapping[str, Any]) -> dict[str, str]:
    """By the name of a coded array, its coder and that one's version.

    Args:
        facts: of each coded array, as :func:`code` gave them.
    """
    return {name: f"{about['coder']}, version {about['version']}" for name, about in facts.items()}


def unknown(facts: Any) -> str:
    """A coder of a file that this version does not have; "" where there is none.

    Args:
        facts: of the whole file, not checked yet.
    """
    coded = facts.get("coded") if isinstance(facts, dict) else None
    for name, about in coded.items() if isinstance(coded, dict) else ():
        if isinstance(about, dict) and VERSIONS.get(str(about.get("coder"))) != about.get("version"):
            return f"{name} coded by {about.get('coder')}, version {about.get('version')}"
    return ""


def restore(facts: Mapping[str, Any], arrays: Mapping[str, np.ndarray], path: str | os.PathLike[str]) -> dict[str, Any]:
    """The arrays before they were coded; pixels stay coded until somebody asks for them.

    Args:
        facts: of each coded array, as :func:`code` gave them.
        arrays: of the file.
        path: the file, for what is said of faults.

    Raises:
        AttributeError, KeyError, TypeError, ValueError: facts and arrays do not fit together.
    """
    parts: dict[str, dict[str, np.ndarray]] = {name: {} for name in facts}
    out: dict[str, Any] = {}
    for key, array in arrays.items():
        name, _, part = key.partition(".")
        if name in facts:
            parts[name][part] = array
        else:
            out[name] = array
    pixels = [name for name, about in facts.items() if about["coder"] != "zstd"]
    for name in facts:
        if name not in pixels:
            out[name] = plain.decode(facts[name], parts[name][""])
    for name in pixels:  # they ask for the palette of each image
        out[name] = pending(facts[name], parts[name], out.get("clusters"), path)
    return out
