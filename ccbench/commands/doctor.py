"""``ccbench doctor``: what this machine brings, and what is missing."""

from __future__ import annotations

import importlib
import os
import platform
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import click

from ccbench import machine
from ccbench.commands import _options
from ccbench.commands._show import plain, table
from ccbench.errors import UserError
from ccbench.offers.discovery import Plugins, plugins
from ccbench.runner.device import on_gpu, use_machine

_PACKAGES = ("ccbench", "torch", "torchvision", "timm", "numpy", "pandas", "scikit-learn", "accelerate",
             "safetensors", "pillow", "matplotlib", "pluggy")  # fmt: skip
Row = tuple[str, str]


@click.command()
@click.option("--data-root", type=_options.Place(), envvar="CCBENCH_DATA",
              help="Folder of datasets; or CCBENCH_DATA.")  # fmt: skip
def doctor(data_root: Path | None) -> None:
    """Show versions, devices, number format, data, cache and broken plugins of this machine.

    Exit code 0 where a run can start, 1 where a line begins with "!".
    """
    offers = plugins()
    parts: list[tuple[str, Callable[[], Iterator[Row]]]] = [
        ("versions", versions),
        ("devices", devices),
        ("data", lambda: datasets(offers, data_root)),
        ("cache", cache),
        ("plugins", lambda: broken(offers)),
    ]
    trouble = False
    for title, part in parts:
        click.echo(title)
        rows = [(name, plain(value)) for name, value in part()]
        trouble |= any(value.startswith("!") for _, value in rows)
        click.echo(table(rows))
    if trouble:
        sys.exit(1)


def versions() -> Iterator[Row]:
    """Python and the packages that a run stands on."""
    yield "python", f"{platform.python_version()} on {platform.platform()}"
    for name in _PACKAGES:
        try:
            yield name, version(name)
        except PackageNotFoundError:
            yield name, f"! not installed: pip install {name}"


def devices() -> Iterator[Row]:
    """Processors, threads, GPUs, and the number format that is faster on each."""
    yield "cpu", f"{machine.cores()} cores usable, {machine.processor()}"
    size = machine.memory()
    yield "memory", "unknown" if size is None else f"{size / 2**30:.1f} GiB usable"
    asked = os.environ.get("OMP_NUM_THREADS", "not set")
    try:
        jobs, threads = machine.workers(None, None, gpu=on_gpu(None), dataset_bytes=0)
        use_machine(None, threads)
        torch = importlib.import_module("torch")
        fastest = importlib.import_module("ccbench.training.precision").fastest
    except ImportError as error:
        yield "torch", f"! cannot be imported: {error}"
        return
    several = f"{jobs} process{'es' * (jobs != 1)} at a time (--jobs)"
    yield "a run", f"{several} of {threads} thread{'s' * (threads != 1)} (--threads); OMP_NUM_THREADS={asked}"
    names = ["cpu"]
    if torch.cuda.is_available():
        for index in range(torch.cuda.device_count()):
            facts = torch.cuda.get_device_properties(index)
            names.append(f"cuda:{index}")
            yield names[-1], f"{facts.name}, {facts.total_memory / 2**30:.0f} GiB"
    else:
        yield "gpu", "none that torch can use"
    for name in names:
        yield f"faster on {name}", f"{fastest(name)} (measured just now)"


def datasets(offers: Plugins, root: Path | None) -> Iterator[Row]:
    """Which datasets can be opened without a download."""
    from ccbench.data import DataSource

    yield "root", str(root) if root else "not set: --data-root or CCBENCH_DATA"
    if root is not None and not root.is_dir():
        yield "", f"! there is no folder {root}"
    source = DataSource(root)
    for name, spec in offers.all("dataset").items():
        if name.endswith(":"):
            continue  # a family, such as a user's own folders
        try:
            spec.build().splits(source)  # a fingerprint does not look at the files
        except UserError as error:
            yield name, f"not here: {error.what}"
        except Exception as error:
            yield name, f"! its plugin failed: {type(error).__name__}: {error}"
        else:
            yield name, "found"


def cache() -> Iterator[Row]:
    """The store's folder, its bytes, and whether it can be written."""
    from ccbench.commands.cache import entries, readable
    from ccbench.store import default_store

    root = default_store().root
    items = list(entries(root))
    yield "folder", str(root)
    yield "entries", f"{len(items)}, {readable(sum(i.size for i in items))}"
    try:
        root.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=root):
            yield "writable", f"yes, {readable(shutil.disk_usage(root).free)} free"
    except OSError as error:
        yield "writable", f"! no ({error.strerror or error}): set CCBENCH_CACHE to a folder you may write"


def broken(offers: Plugins) -> Iterator[Row]:
    """Plugins with an error."""
    yield "found", f"{len(offers.found)}, {len(offers.broken())} broken"
    for plugin in offers.broken():
        yield f"{plugin.name} ({plugin.distribution})", f"! {'; '.join(plugin.errors)}"
