"""``ccbench recommend``: which method for these images, at so many bytes or points lost."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ccbench.commands import _options

if TYPE_CHECKING:
    from ccbench.recommend import Advice


@click.command()
@click.argument("dataset")
@click.option("--bytes", "size", metavar="SIZE", help="What the compressed training set may take: 50MB, 300KiB.")
@click.option("--loss", type=_options.Finite(0, 100), help="Instead: points of accuracy that may be lost.")
@click.option(
    "--methods",
    "-m",
    type=_options.LIST,
    default="all-everyday",
    show_default=True,
    help="What is tried, in this order.",
)
@click.option("--images", type=click.IntRange(40), default=2000, show_default=True, help="Of the sample that is tried.")
@click.option("--seeds", type=click.IntRange(1, 100), default=2, show_default=True, help="Trainings of each trial.")
@click.option("--protocol", "-p", default="quick", show_default=True, help="How a network is trained.")
@_options.add(*_options.DATA, *_options.MACHINE, *_options.THREADS)
def recommend(dataset: str, **given: Any) -> int:
    """Try methods on a sample of DATASET, a name or a folder of class folders, and end with a command to copy.

    Only training images are used; a quarter of the sample is held back to judge by. What is printed is of the sample:
    a whole dataset of more images loses less.
    """
    from ccbench.errors import UserError
    from ccbench.offers.discovery import plugins
    from ccbench.quantities import size as size_of
    from ccbench.recommend import recommend as ask
    from ccbench.runner.plan import every_method

    if (given["size"] is None) == (given["loss"] is None):
        raise UserError(
            "a recommendation is for a size or for a loss",
            found="both" if given["size"] is not None else "neither",
            mend="--bytes 50MB, or --loss 2 for two points at most",
        )
    name = f"folder:{Path(dataset).resolve()}" if Path(dataset).is_dir() else dataset
    advice = ask(
        name,
        _options.source(given, name),
        every_method(given["methods"], plugins()),
        size=None if given["size"] is None else size_of(given["size"], "bytes"),
        loss=given["loss"],
        images=given["images"],
        seeds=given["seeds"],
        say=click.echo,
        protocol=given["protocol"],
        precision=given["precision"],
        base_seed=given["base_seed"],
        device=given["device"],
        threads=given["threads"],
    )
    click.echo("")
    if advice.best is None:
        click.echo(
            "no method that was tried gets there; the nearest was " + _nearest(advice)
            if any(t.accuracy is not None for t in advice.trials)
            else "no method that was tried fits"
        )
        return 1
    for line in _ending(advice, name, given):
        click.echo(line)
    return 0


def _nearest(advice: Advice) -> str:
    best = max((t for t in advice.trials if t.accuracy is not None), key=lambda t: t.accuracy or 0)
    lost = 100 * ((advice.full.accuracy or 0) - (best.accuracy or 0))
    return f"{best.method}, {lost:.1f} points lost at {100 * float(best.kept):.2g} % of the raw bytes"


def _ending(advice: Advice, name: str, given: dict[str, Any]) -> list[str]:
    best, sample = advice.best, advice.sample
    assert best is not None
    size = max(1, int(best.kept * sample.raw))
    spread = (
        "" if best.spread is None else f" (standard deviation of {given['seeds']} trainings {100 * best.spread:.1f})"
    )
    disk, points = _disk(name), 100 * ((best.accuracy or 0) - (advice.full.accuracy or 0))
    before = f"{_megabytes(sample.raw)} raw" + (f" (the whole folder's files {_megabytes(disk)})" if disk else "")
    options = [
        *(["--data-root", str(given["data_root"])] if given["data_root"] else []),
        *(["--image-size", str(given["image_size"])] if given["image_size"] else []),
        *(["--skip-bad"] if given["skip_bad"] else []),
        *(["--test-share", str(given["test_share"])] if given["test_share"] is not None else []),
        *(["--protocol", given["protocol"]] if given["protocol"] != "quick" else []),
    ]
    command = ["ccbench", "compress", "-d", name, *options, "-m", best.method, "--match", "bytes", "--bytes", str(size)]
    return [
        f"recommended: {best.method}",
        f"size: {before}; {_megabytes(size)} compressed",
        f"accuracy on the sample: {100 * (best.accuracy or 0):.1f} %{spread}, {points:+.1f} points against full",
        f"time: about {best.seconds * sample.images / sample.tried:,.0f} s to compress, shared stages apart",
        shlex.join([*command, "compressed.ccb"]),
    ]


def _megabytes(size: int) -> str:
    return f"{size / 1e6:,.3g} MB" if size < 999.5e6 else f"{size / 1e6:,.0f} MB"


def _disk(name: str) -> int:
    """Bytes of a folder's files, 0 for any other dataset."""
    folder = Path(name.removeprefix("folder:"))
    return sum(p.stat().st_size for p in folder.rglob("*") if p.is_file()) if name.startswith("folder:") else 0
