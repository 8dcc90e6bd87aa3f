"""Which method, at so many bytes, for these images: tried on a sample, judged on images held back from training."""

from __future__ import annotations

import math
import os
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from ccbench.api import run
from ccbench.archive.export import folder_names
from ccbench.data import DataSource, ImageDataset, held_back, open_dataset
from ccbench.errors import UserError
from ccbench.offers.discovery import plugins
from ccbench.offers.expressions import parse, without_coding
from ccbench.store import CACHE_VARIABLE, default_store

SAMPLE = 2000  # images that are tried, those held back among them
HELD_BACK = 0.25  # of the sample
SIDE = 64  # pixels; larger images are shrunk for the trial
SHARES = (Fraction(1, 100), Fraction(1, 50), Fraction(1, 25), Fraction(1, 12), Fraction(1, 6))  # tried for a loss

Say = Callable[[str], None]


@dataclass(frozen=True)
class Trial:
    """One method at one size, on the sample.

    Attributes:
        method: its expression.
        kept: the share of the raw bytes that was asked for.
        accuracy: mean on the images held back, in [0, 1]; None where it was skipped or failed.
        spread: sample standard deviation over the seeds; None for one seed.
        measured: bytes of the file over the raw bytes.
        seconds: for compressing the sample, shared stages apart.
        reason: why there is no accuracy.
    """

    method: str
    kept: Fraction
    accuracy: float | None = None
    spread: float | None = None
    measured: float = math.nan
    seconds: float = math.nan
    reason: str = ""


@dataclass(frozen=True)
class Sample:
    """What trials run on.

    Attributes:
        name: the dataset, as ``folder:PATH``.
        images: of the whole training set.
        tried: for compression and training.
        raw: bytes of the whole training set, 24 bits per pixel.
        side: (height, width) in the trial.
        whole: the same of the dataset.
    """

    name: str
    images: int
    tried: int
    raw: int
    side: tuple[int, int]
    whole: tuple[int, int]


@dataclass(frozen=True)
class Advice:
    """What the trials ended with.

    Attributes:
        best: the trial that is recommended; None where none meets what was asked for.
        full: the uncompressed sample's.
        trials: all, in the order in which they were made.
        sample: what they ran on.
    """

    best: Trial | None
    full: Trial
    trials: tuple[Trial, ...]
    sample: Sample

    @property
    def loss(self) -> float:
        """Points that the best trial lost against the uncompressed sample."""
        assert self.best is not None
        return 100 * ((self.full.accuracy or 0) - (self.best.accuracy or 0))


def recommend(
    dataset: str,
    source: DataSource,
    methods: Sequence[str],
    *,
    size: Fraction | None = None,
    loss: float | None = None,
    images: int = SAMPLE,
    seeds: int = 2,
    say: Say = print,
    **options: Any,
) -> Advice:
    """Try methods on a sample, the earlier named ones first.

    Args:
        dataset: a dataset's name.
        source: where its images are.
        methods: expressions, the cheap ones first.
        size: bytes that the compressed training set may take; or
        loss: points of accuracy that may be lost. Then shares of the raw bytes are tried from the smallest up, until a
            method loses no more.
        images: of the sample; all where there are fewer.
        seeds: trainings of each trial.
        say: gets a line for each trial as it ends.
        options: more arguments of :func:`ccbench.run`, such as ``protocol`` or ``jobs``.

    Raises:
        UserError: a size above the raw bytes, neither or both of size and loss, or a sample that cannot be drawn.
    """
    if (size is None) == (loss is None):
        raise UserError("a recommendation is for a size or for a loss", found="both" if loss is not None else "neither")
    for method in methods:
        parse(without_coding(method)[0], plugins())
    train = open_dataset(dataset, plugins=plugins(), source=source, cache=default_store().root).train
    with _sampled(train, images) as sample:
        if size is not None and not 0 < size <= sample.raw:
            raise UserError(
                f"{dataset} has {sample.raw:,} raw bytes; the compressed set may have 1 to as many",
                found=f"{int(size):,} bytes",
            )
        say(_opening(sample))
        with tempfile.TemporaryDirectory(prefix="ccbench-recommend-", ignore_cleanup_errors=True) as out:
            attempt = lambda method, kept: _try(method, kept, sample, out, seeds, options)  # noqa: E731
            full = attempt("full", None)
            if full.accuracy is None:
                raise UserError("nothing can be trained on the sample", found=full.reason)
            say(f"{'full':24} {_percent(full)}, uncompressed")
            trials: list[Trial] = []
            for kept in [size / sample.raw] if size is not None else SHARES:
                found = []
                for method in methods:
                    found.append(attempt(method, kept))
                    say(_line(found[-1], full))
                trials += found
                best = max((t for t in found if t.accuracy is not None), key=lambda t: t.accuracy or 0, default=None)
                if best is not None and (loss is None or 100 * (full.accuracy - (best.accuracy or 0)) <= loss):
                    return Advice(best, full, tuple(trials), sample)
    return Advice(None, full, tuple(trials), sample)


@contextmanager
def _sampled(train: ImageDataset, images: int) -> Iterator[Sample]:
    """Class folders of some training images, a quarter of them as the test split; gone afterwards."""
    chosen = np.arange(len(train))
    numbers = [f"{i:09d}" for i in chosen]
    if images < len(train):  # shares of every class, drawn by the images' own names
        chosen = np.flatnonzero(held_back(numbers, train.labels, images / len(train)))
    test = held_back([numbers[i] for i in chosen], train.labels[chosen], HELD_BACK)
    judged = np.unique(train.labels[chosen[test]])
    if len(judged) < 2:
        raise UserError(
            "a sample needs two classes of two images or more, to train on one and judge by another",
            found=f"{len(judged)} such classes among {len(chosen)} of {len(train)} training images",
            mend="more images of each class"
            + (f", or --images {max(4 * len(train.classes), 2 * images)}" if images < len(train) else ""),
        )
    names, whole = folder_names(train.classes), train.images.shape[1:3]
    shrink = max(1.0, max(whole) / SIDE)
    side = max(1, round(whole[0] / shrink)), max(1, round(whole[1] / shrink))
    with tempfile.TemporaryDirectory(prefix="ccbench-recommend-", ignore_cleanup_errors=True) as folder:
        try:
            for i, held in zip(chosen, test, strict=True):
                place = Path(folder, "data", "test" if held else "train", names[train.labels[i]])
                place.mkdir(parents=True, exist_ok=True)
                picture = Image.fromarray(np.asarray(train.images[i]))
                if shrink > 1:
                    picture = picture.resize((side[1], side[0]), Image.Resampling.BICUBIC)
                picture.save(place / f"{numbers[i]}.png", compress_level=1)
        except OSError as error:
            raise UserError(
                f"the sample cannot be written to {folder}",
                found=error.strerror or error,
                mend="set TMPDIR to a folder on a larger disk, or fewer --images",
            ) from None
        tried = int((~test).sum())
        with _cache(Path(folder, "cache")):  # nothing of a trial is of use to anything else
            yield Sample(f"folder:{folder}/data", len(train), tried, train.shape.raw_bytes, side, (whole[0], whole[1]))


@contextmanager
def _cache(folder: Path) -> Iterator[None]:
    """Another cache, for this process and those that it starts."""
    before = os.environ.get(CACHE_VARIABLE)
    os.environ[CACHE_VARIABLE] = str(folder)
    try:
        yield
    finally:
        os.environ.pop(CACHE_VARIABLE)
        if before is not None:
            os.environ[CACHE_VARIABLE] = before


def _try(method: str, share: Fraction | None, sample: Sample, out: str, seeds: int, options: dict[str, Any]) -> Trial:
    """One trial; without a share everything is kept."""
    kept = Fraction(1) if share is None else share
    raw = sample.tried * sample.side[0] * sample.side[1] * 3
    budget = {"fraction": 1} if share is None else {"bytes": max(1, int(kept * raw)), "match": "bytes"}
    try:
        rows = run([method], dataset=[sample.name], out=out, seeds=seeds, **budget, **options)
    except UserError as error:  # of this method at this size; what concerns all stopped the first trial
        if share is None:
            raise
        return Trial(method, kept, reason=str(error.found or error.what).removeprefix(f"{method}: "))
    good = rows[rows["status"] == "ok"]
    if not len(good):
        return Trial(method, kept, reason=str(rows["reason"].iloc[0] or rows["status"].iloc[0]))
    if share is not None and good["bytes"].max() > budget["bytes"]:  # full takes no budget
        return Trial(method, kept, reason=f"takes {int(good['bytes'].max()):,} bytes of {budget['bytes']:,}")
    return Trial(
        method,
        kept,
        accuracy=float(good["accuracy"].mean()),
        spread=float(good["accuracy"].std()) if len(good) > 1 else None,
        measured=float(good["bytes"].mean()) / raw,
        seconds=float(good["compress_seconds"].astype(float).mean()),
    )


def _opening(sample: Sample) -> str:
    shrunk = "" if sample.side == sample.whole else f", shrunk to {sample.side[0]} x {sample.side[1]} pixels"
    return f"{sample.tried:,} of {sample.images:,} training images are tried{shrunk}; others of them judge"


def _percent(trial: Trial) -> str:
    spread = "" if trial.spread is None else f" ± {100 * trial.spread:.1f}"
    return f"{100 * (trial.accuracy or 0):.1f}{spread} %"


def _line(trial: Trial, full: Trial) -> str:
    if trial.accuracy is None:
        return f"{trial.method:24} {trial.reason}"
    points = 100 * (trial.accuracy - (full.accuracy or 0))
    return f"{trial.method:24} {_percent(trial)}, {points:+.1f} points, {100 * trial.measured:.2f} % of the raw bytes"
