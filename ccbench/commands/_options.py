"""Options that several subcommands share."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from ccbench import seeds
from ccbench.offers.expressions import split


class Listed(click.ParamType):
    """A comma-separated list; commas inside brackets belong to a method."""

    name = "list"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[str, ...]:
        """Split the text."""
        return value if isinstance(value, tuple) else tuple(split(value))


class Datasets(Listed):
    """A comma-separated list of datasets; commas inside a folder's path belong to it."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[str, ...]:
        """Split the text."""
        from ccbench.data.names import split_names
        from ccbench.offers.discovery import plugins

        return value if isinstance(value, tuple) else split_names(value, plugins())


LIST = Listed()


class Place(click.Path):
    """A path, there or not yet: one that no system could look up is refused here, whatever it is for."""

    def __init__(self, **more: Any) -> None:
        super().__init__(path_type=Path, **more)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Path:
        """Read the text."""
        try:
            Path(value).stat()
        except (FileNotFoundError, NotADirectoryError, PermissionError):
            pass
        except (OSError, ValueError) as error:  # too long, links in a circle, a zero byte
            name = str(value)
            shown = name if len(name) <= 60 else f"{name[:60]}..."
            self.fail(f"{shown!r} cannot be a path: {getattr(error, 'strerror', None) or error}.", param, ctx)
        super().convert(value, param, ctx)
        return Path(value)


class Finite(click.FloatRange):
    """A number in a range; not nan, which is in every range for click, and not infinity."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """Read the text."""
        number = super().convert(value, param, ctx)
        if not math.isfinite(number):
            self.fail(f"{value} is not a finite number.", param, ctx)
        return number


BUDGET = [
    click.option(
        "--ratio", type=LIST, help="Fraction of raw bytes REMOVED, above 0 and below 1: 0.92 keeps 8 %. Takes a list."
    ),
    click.option("--bits", type=LIST, help="Bits per pixel q instead of a ratio: ratio = 1 - q/24."),
    click.option("--fraction", type=LIST, help="Fraction of images kept instead of a ratio."),
    click.option(
        "--ipc",
        type=LIST,
        help="Images kept per class instead of a ratio: N x classes in all. "
        "A method that balances classes keeps N of each; a class with fewer keeps all, the others share the rest.",
    ),
    click.option("--bytes", "bytes_", type=LIST, help="Bytes kept instead of a ratio: 300000, 300KB or 1.5MiB."),
    click.option(
        "--match",
        type=click.Choice(["nominal", "bytes"]),
        default="nominal",
        show_default=True,
        help="Hold methods to the papers' formula, or to the bytes of the file on disk.",
    ),
    click.option(
        "--coding",
        type=LIST,
        help="How files are made smaller without changing a pixel: none, best, or the coder of the pixels: rans, jxl, "
        "webp, zstd. Default: best with --match bytes, otherwise none. METHOD+coded is best for one method.",
    ),
]
DATA = [
    click.option(
        "--data-root",
        type=Place(),
        envvar="CCBENCH_DATA",
        help="Folder of datasets; or CCBENCH_DATA.",
    ),
    click.option("--download", is_flag=True, help="Allow a dataset to be downloaded into --data-root."),
    click.option(
        "--image-size", type=click.IntRange(4, 4096), help="Side in pixels to which a folder's images are brought."
    ),
    click.option("--skip-bad", is_flag=True, help="Leave out images that cannot be read."),
    click.option(
        "--test-share",
        type=float,
        help="Fraction of each class that becomes the test split of a folder without one. [default: 0.2]",
    ),
]
MACHINE = [
    click.option("--device", help="cpu, cuda or cuda:0; default: the best there is."),
    click.option(
        "--precision",
        type=click.Choice(["float32", "bfloat16"]),
        help="Number format of every training; default: the protocol's. Results of two formats never share a row.",
    ),
    click.option(
        "--base-seed",
        type=click.IntRange(-seeds.LARGEST, seeds.LARGEST),
        default=0,
        show_default=True,
        help="What every seed is derived from.",
    ),
]
THREADS = [
    click.option(
        "--threads",
        type=click.IntRange(1),
        help="Threads of each process; default: OMP_NUM_THREADS, otherwise 1 on a CPU. Large networks gain from more.",
    ),
]
TEACHER = [
    click.option(
        "--teacher",
        type=Place(dir_okay=False),
        metavar="FILE",
        help="Weights of the teacher (.safetensors or a checkpoint); default: trained by the protocol's recipe.",
    ),
    click.option("--teacher-arch", metavar="NAME", help="The teacher's network; default: the protocol's."),
]
CELLS = [
    click.option(
        "--methods",
        "-m",
        type=LIST,
        help="Method expressions: dcq,ccs[score=el2n],ccs[fraction=0.1]+dcq[bits=2]; all is every method there is "
        "but those that take many hours, all-GROUP every one of a group.",
    ),
    *BUDGET,
    click.option("--no-snap", is_flag=True, help="Keep the ratio as given; methods that cannot hit it are skipped."),
    click.option(
        "--dataset",
        "-d",
        type=Datasets(),
        default="photodigits",
        show_default=True,
        help="Names, or folder:PATH; a comma in the path of a folder that exists is part of it.",
    ),
    click.option(
        "--arch",
        "-a",
        type=LIST,
        default="",
        help="Networks, any timm name (tags too); default: the protocol's own.",
    ),
    click.option(
        "--protocol", "-p", type=LIST, default="quick", show_default=True, help="Evaluation recipes, or FILE.toml."
    ),
    click.option("--seeds", type=click.IntRange(1, 1000), default=3, show_default=True, help="Trainings per row."),
    *TEACHER,
    *DATA,
    *MACHINE,
    *THREADS,
    click.option(
        "--out",
        "-o",
        type=Place(),
        default=Path("ccbench-out"),
        show_default=True,
        help="Output folder.",
    ),
]


def add(*options: Callable) -> Callable:
    """Put several options on a command, in the order of ``--help``."""

    def decorate(function: Callable) -> Callable:
        for option in reversed(options):
            function = option(function)
        return function

    return decorate


def request(given: dict[str, Any]) -> Any:
    """The request that the options of ``CELLS`` make."""
    from ccbench.machine import counted_threads
    from ccbench.runner.plan import Request

    return Request(
        methods=given["methods"] or (),
        budgets=budgets(given),
        datasets=given["dataset"],
        architectures=given["arch"],
        protocols=given["protocol"],
        seeds=given["seeds"],
        base_seed=given["base_seed"],
        snap=not given["no_snap"],
        match=given["match"],
        codings=given["coding"] or (),
        teacher=teacher(given),
        precision=given["precision"],
        threads=counted_threads(given["threads"], given["device"]),
    )


def teacher(given: dict[str, Any]) -> Any:
    """The teacher that the options of ``TEACHER`` name."""
    from ccbench.methods.teacher_source import TeacherSource

    return TeacherSource.of(given["teacher"], given["teacher_arch"])


def budgets(given: dict[str, Any]) -> tuple[tuple[str, str], ...]:
    """(unit, value) of every budget that was given."""
    units = {"ratio": "ratio", "bits": "bits", "fraction": "fraction", "ipc": "ipc", "bytes": "bytes_"}
    return tuple((unit, value) for unit, key in units.items() for value in given[key] or ())


def source(given: dict[str, Any], dataset: str = "") -> Any:
    """The data source that the options of ``DATA`` make."""
    from ccbench.data import DataSource

    share = {} if given["test_share"] is None else {"test_share": given["test_share"]}
    return DataSource(
        given["data_root"],
        given["download"],
        dataset.partition(":")[2],
        given["image_size"],
        given["skip_bad"],
        **share,
        given=frozenset(share),
    )


def size(text: str | None, name: str) -> int | None:
    """Whole bytes of ``3GB``, ``500M`` or ``1GiB``, at least one; None for None."""
    from ccbench import quantities

    return None if text is None else max(1, int(quantities.size(text, name)))
