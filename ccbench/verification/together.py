"""Records held against one another: one file has one size, and one training stands in one place."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from pathlib import Path

from ccbench.records.record import Record
from ccbench.verification.findings import WRONG, Finding, differs

_OF_FILE = ("bytes", "images", "nominal_ratio", "measured_ratio", "picture", "colorfulness", "color_distance", "made")


def check(records: Iterable[tuple[Path, Record]]) -> Mapping[Path, list[Finding]]:
    """What records say against others, by the path of the one that stands alone or comes later."""
    found: dict[Path, list[Finding]] = defaultdict(list)
    ok = [(path, record) for path, record in records if record.ok]
    by_file: dict[tuple[str, str], list[tuple[Path, Record]]] = defaultdict(list)
    by_training: dict[tuple[object, ...], list[tuple[Path, Record]]] = defaultdict(list)
    by_test: dict[tuple[str, str], list[tuple[Path, Record]]] = defaultdict(list)
    for path, record in ok:
        if record.artifact_sha256:
            by_file[record.artifact_sha256, record.dataset_digest].append((path, record))
        if record.train_seconds and record.final_loss is not None:
            by_training[record.train_seconds, record.final_loss].append((path, record))
        if record.test_images:
            by_test[record.dataset, record.test_digest].append((path, record))
    for alike in by_file.values():
        _same(alike, _OF_FILE, "another record of the same file says", found)
    for alike in by_test.values():
        _same(alike, ("test_images",), "another record of the same test split says", found)
    for alike in by_training.values():
        first_path, first = alike[0]
        for path, record in alike[1:]:
            if record.cell != first.cell or record.checksum != first.checksum:
                text = f"the same seconds and loss to the last digit as {first_path}: one training, written down twice"
                found[path].append(Finding(WRONG, "train_seconds", text))
    return found


def _same(alike: list[tuple[Path, Record]], names: Iterable[str], why: str, found: dict[Path, list[Finding]]) -> None:
    """Of two that differ in a field nobody knows which is right; of more the majority is believed."""
    for name in names:
        held: dict[object, list[Path]] = defaultdict(list)
        for path, record in alike:
            if (value := getattr(record, name)) is not None:
                held[value].append(path)
        if len(held) > 1:
            most = max(held, key=lambda value: len(held[value]))
            for value, paths in held.items():
                for path in paths if value != most else ():
                    found[path].append(differs(name, value, most, why))
