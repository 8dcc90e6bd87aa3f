"""Hold a method to the bytes of its file (``--match bytes``)."""

from __future__ import annotations

import math
import tempfile
from collections.abc import Generator
from fractions import Fraction
from pathlib import Path
from typing import Any

from ccbench.archive import CompressedDataset
from ccbench.budget import BITS_PER_PIXEL, Budget, DataShape
from ccbench.coding import names
from ccbench.errors import Skipped
from ccbench.methods import sweep
from ccbench.methods.compress import compress
from ccbench.methods.task import Room, Workbench
from ccbench.offers.expressions import Expression
from ccbench.offers.specs import imported

ATTEMPTS = 12
_CLOSE, _AIM = Fraction(995, 1000), Fraction(998, 1000)  # of the bytes: where a search of coded files ends, and aims
_SIZES = 4  # looks at a method that takes any number of bytes; each may encode all images several times

Search = Generator[Budget, tuple[int, int, Fraction], None]
"""Gives budgets to try; is sent (images kept, bytes written, share of the raw bytes that counts as kept) of each."""


def fit_bytes(
    expression: Expression, size: int, bench: Workbench, path: Path, coding: str = "none", **options: Any
) -> tuple[CompressedDataset, int]:
    """Compress so that the file has at most ``size`` bytes and, as nearly as the method allows, all of them.

    Where the step that is left open keeps whole images, their number is searched: encoded pictures may take far
    fewer bytes than raw ones. Where it takes any number of bytes, it gets what labels and the like leave of them. Where
    it takes only palette sizes, they are tried from the largest down; where files are coded, from the largest that fits
    uncoded upwards. Coding takes time: there a file that has all but half a percent of the bytes is good enough.

    Args:
        expression: a method or a pipeline with at most one open step.
        size: bytes, everything counted.
        bench, options: as for :func:`ccbench.methods.compress.compress`.
        path: the ``.ccb`` file, written.
        coding: how the file is coded.

    Returns:
        The compressed set and the bytes of its file.

    Raises:
        Skipped: no setting of this method gives a file that small.
    """
    if expression.candidates:
        return _settled(expression, size, bench, path, coding, options)
    shape, share = bench.root.shape, expression.fixed_share(bench.root.shape).kept
    step = next((s for s in expression.steps if s.budget is None), None)  # what can give way
    if step is None:
        search = _once(share)
    elif step.spec.budgets == "any":
        search = _sizes(share, shape, size)
    elif step.spec.budgets == "bits":
        search = (_palettes if coding == "none" else _coded_palettes)(share, step.spec.bits, shape, size)
    else:
        each = Fraction(imported(step.spec.image_bytes)(dict(step.params), shape)) if step.spec.image_bytes else None
        each = share * shape.image_bytes if each is None else each
        search = (_images if coding == "none" else _coded_images)(share, shape, size, each)
    best: tuple[CompressedDataset, int] | None = None
    deep = step is not None and step.spec.budgets == "bits"  # a deeper palette goes before more bytes

    def would_take(made: CompressedDataset) -> int:
        made.meta.update(options.get("meta") or {}, content=made.content_digest())
        return made.save(path, coding)

    room = None if coding == "none" else Room(size, would_take)
    budget, result = next(search, None), None
    for _ in range(ATTEMPTS):
        if budget is None:
            break
        result = compress(expression, budget, bench, room=room, **options)
        result.save(path, coding)
        written = path.stat().st_size
        kept = result.nominal_kept(shape)
        if written <= size and (best is None or (kept > best[0].nominal_kept(shape) if deep else written > best[1])):
            best = result, written
        try:
            budget = search.send((len(result), written, kept))
        except StopIteration:
            break
    if best is None:
        path.unlink(missing_ok=True)
        raise Skipped(f"{expression.label} has no setting whose file is within {size} bytes")
    if result is not best[0]:
        best[0].save(path, coding)
    return best


def _settled(
    expression: Expression, size: int, bench: Workbench, path: Path, coding: str, options: dict[str, Any]
) -> tuple[CompressedDataset, int]:
    """The best of what ``fraction=auto`` may mean, each held to as many bytes for an image."""
    quiet = {name: value for name, value in options.items() if name in {"watch", "strict"}}

    def make(candidate: Expression, small: Workbench) -> CompressedDataset:
        share = size * len(small.root) // len(bench.root)
        with tempfile.TemporaryDirectory() as folder:
            return fit_bytes(candidate, share, small, Path(folder, "a.ccb"), coding, **quiet)[0]

    def final(candidate: Expression, told: dict[str, Any]) -> tuple[CompressedDataset, int]:
        more = {**options, "meta": {**(options.get("meta") or {}), **told}}
        return fit_bytes(candidate, size, bench, path, coding, **more)

    coders = {} if coding == "none" else names.versions(coding)
    return sweep.settled(expression, bench, make, final, size=size, coders=coders)


def _once(share: Fraction) -> Search:
    yield Budget(share)


def _palettes(share: Fraction, sizes: tuple[int, ...], shape: DataShape, size: int) -> Search:
    """From the largest palette whose nominal size fits down, until a file fits."""
    written = size + 1
    for bits in sorted(sizes, reverse=True):
        budget = Budget(share * bits / BITS_PER_PIXEL)
        if budget.kept * shape.raw_bytes <= size and written > size:
            _, written, _ = yield budget


def _sizes(share: Fraction, shape: DataShape, size: int) -> Search:
    """Bytes for the images: what the rest of the file leaves."""
    beside = 0
    for _ in range(_SIZES):
        asked = size - beside
        if asked < 1:
            return
        _, written, counted = yield Budget(min(Fraction(asked, shape.raw_bytes), share))
        rest = math.ceil(written - counted * shape.raw_bytes)
        if written <= size and (beside or rest <= 0):  # coded labels can take less than the images' own bytes leave
            return
        beside = max(beside, rest)


def _coded_palettes(share: Fraction, sizes: tuple[int, ...], shape: DataShape, size: int) -> Search:
    """From the largest palette that fits even uncoded up while the file fits; down where it does not."""
    budgets = [Budget(share * bits / BITS_PER_PIXEL) for bits in sorted(sizes)]
    place = max(0, sum(budget.kept * shape.raw_bytes <= size for budget in budgets) - 1)
    _, written, _ = yield budgets[place]
    step = 1 if written <= size else -1
    while 0 <= (place := place + step) < len(budgets):
        _, written, _ = yield budgets[place]
        if (written <= size) != (step > 0):
            return


def _coded_images(share: Fraction, shape: DataShape, size: int, each: Fraction) -> Search:
    """As :func:`_images`, until nearly all bytes are used."""
    low, high = 0, shape.images + 1
    count = max(int(size / each), shape.classes)
    while low < (count := min(count, high - 1)) and count >= shape.classes:
        kept, written, _ = yield Budget(Fraction(count, shape.images) * share)
        if size * _CLOSE <= written <= size:
            return
        if written <= size:
            low = count
        else:
            high = count
        count = max(int(_AIM * size * kept / written), low + 1 if written <= size else 0)


def _images(share: Fraction, shape: DataShape, size: int, each: Fraction) -> Search:
    """A number of images, from the bytes that an image took so far, between what fitted and what did not.

    Args:
        each: bytes of an image as it is stored; those of a raw one where nobody knows.
    """
    low, high = 0, shape.images + 1  # the most that fitted, the fewest that did not
    count = int(size / each)
    while low < (count := min(count, high - 1)) and count >= shape.classes:
        kept, written, _ = yield Budget(Fraction(count, shape.images) * share)
        if written <= size:
            low = count
        else:
            high = count
        count = size * kept // written
