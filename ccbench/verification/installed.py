"""What is installed here, as far as records can be held against it. No torch, no pandas."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

from ccbench.budget import DataShape
from ccbench.data import DataSource, NoTest, Splits, open_dataset
from ccbench.errors import UserError, few
from ccbench.methods.teacher_source import TeacherSource
from ccbench.offers.discovery import Plugins
from ccbench.offers.expressions import Expression, parse, read_call
from ccbench.quantities import number
from ccbench.records.cells import Cell
from ccbench.records.record import Record
from ccbench.runner.plan import Conditions, Data, Request
from ccbench.training import Protocol, load_protocol

_UNKNOWN = DataShape(1, 1, 1, 1)


@dataclass(frozen=True)
class Known:
    """What is known here of a record's dataset.

    Attributes:
        shape: of the training split, None where nobody knows.
        train, test: digests of the splits that can be opened here, "" where they cannot.
        test_images: in the test split, where it is that of the digest.
        missing: why they cannot be opened, or "".
    """

    shape: DataShape | None = None
    train: str = ""
    test: str = ""
    test_images: int | None = None
    missing: str = ""


class Installed:
    """Plugins and data of this machine; each protocol and dataset is read once.

    Args:
        plugins: where names are looked up.
        root: the folder of datasets, or None.
        cache_root: of the store.
        teachers: files of weights, of which records that had such a teacher say the digest.
    """

    def __init__(
        self, plugins: Plugins, root: Path | None, cache_root: Path, teachers: Sequence[TeacherSource] = ()
    ) -> None:
        self.plugins, self.root, self.cache_root, self.teachers = plugins, root, cache_root, teachers
        self.data = cache(self._data)
        self._under = cache(self._conditions)

    def source(self, record: Record) -> DataSource:
        """Where the dataset of a record is looked for, read as its row says.

        Raises:
            UserError: the row's options are none of this version.
        """
        return _source(record.options, self.root).for_dataset(record.dataset)

    def conditions(self, record: Record, *, training: bool = False) -> Conditions:
        """The protocol and the rest that the work on a record depends on.

        Args:
            record: whose work it is.
            training: whether it is training alone, which asks for a teacher only where the protocol does.

        Raises:
            UserError: the protocol is not installed, or its teacher was a file that is none of ``teachers``.
        """
        named = (record.protocol, record.precision, record.base_seed, record.match, record.threads)
        if training and load_protocol(record.protocol, self.plugins).train.labels != "teacher":
            return self._under(*named, "")
        return self._under(*named, record.teacher)

    def recipe(self, record: Record) -> Protocol:
        """The protocol of a record in its number format.

        Raises:
            UserError: as :meth:`conditions`.
        """
        return self.conditions(record).recipe

    def expression(self, record: Record) -> Expression:
        """The method of a record.

        Raises:
            UserError: it is not installed, or the record is of a file that no method is said to have made.
        """
        return parse(record.method, self.plugins)

    def cell(self, record: Record, data: Data | None = None) -> Cell:
        """The cell that the same request makes here.

        Args:
            record: its names count, not its versions and digests.
            data: what is known of the dataset; None: what the record says.

        Raises:
            UserError: something of it is not installed, or its teacher was a file that is none of ``teachers``.
        """
        data = data or Data(_UNKNOWN, record.dataset_digest, record.test_digest, record.options)
        under, expression = self.conditions(record), self.expression(record)
        cell = under.cell(record.dataset, data, expression, record.kept, record.architecture, coding=record.coding)
        return replace(cell, seed=record.seed)

    def _conditions(
        self, protocol: str, precision: str, base_seed: int, match: str, threads: int, teacher: str
    ) -> Conditions:
        given = TeacherSource()
        recipe = load_protocol(protocol, self.plugins).at(precision)
        name, _, digest = teacher.partition("@")
        if digest:
            given = self._teacher(teacher, digest)
        if name and name != read_call("architecture", recipe.teacher.architecture, self.plugins).label:
            given = replace(given, architecture=name)
        request = Request(
            methods=(), base_seed=base_seed, match=match, threads=threads, precision=precision, teacher=given
        )
        return Conditions(recipe, request, self.plugins)

    def _teacher(self, teacher: str, digest: str) -> TeacherSource:
        """The file of a record's teacher, by the digits of its digest that stand in the row."""
        for source in self.teachers:
            if source.digest.startswith(digest):
                return source
        said = [f"{source.file} is @{source.digest[:12]}" for source in self.teachers]
        named = f"; {few(said, 3)}" if said else ""
        raise UserError(f"its teacher was the file {teacher}, name it by --teacher FILE{named}")

    def _data(self, dataset: str, options: str) -> Known:
        """What is known of a dataset; one of files that a record names is not opened for that."""
        shape = None
        try:
            spec = read_call("dataset", dataset, self.plugins).spec
            shape = spec.shape if not options else None
            if spec.name.endswith(":"):
                return Known(missing="a folder is not opened on a record's word")
            source = _source(options, self.root).for_dataset(dataset)
            splits = open_dataset(dataset, plugins=self.plugins, source=source, cache=self.cache_root)
        except UserError as error:
            return Known(shape, missing=error.what)
        return _known(splits)


def _known(splits: Splits) -> Known:
    tested = splits.tested
    if isinstance(tested, NoTest):
        return Known(splits.train.shape, splits.train.digest)
    return Known(splits.train.shape, splits.train.digest, tested.digest, len(tested.labels))


def _source(options: str, root: Path | None) -> DataSource:
    """The source that :func:`ccbench.runner.plan.option_text` wrote down."""
    read: dict[str, Callable[[str], Any]] = {
        "image_size": int,
        "skip_bad": lambda text: text == "true",
        "test_share": lambda text: float(number(text, "test share")),
    }
    values: dict[str, Any] = {}
    for part in filter(None, options.split(",")):
        name, _, text = part.partition("=")
        if name not in read:
            raise UserError(f"this version reads no dataset with {part}")
        try:
            values[name] = read[name](text)
        except ValueError:
            raise UserError(f"no dataset can be read with {part}") from None
    return DataSource(root, **values)
