"""A record held against the compressed file that it names."""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ccbench.budget import DataShape
from ccbench.errors import UserError
from ccbench.files import file_digest
from ccbench.records.artifacts import held, places
from ccbench.records.facts import Compressed
from ccbench.records.record import Record
from ccbench.verification.findings import UNSEEN, WRONG, Finding, differs

_META = ("dataset", "dataset_digest", "method", "base_seed", "match", "coding", "made")
_DEFAULTS = {"match": "nominal", "coding": "none"}
_FACTS = ("bytes", "images", "classes", "picture", "sealed", "colorfulness", "color_distance", "construction_seconds")


def check(record: Record, out: Path | None) -> list[Finding]:
    """What its file says against a record; where none of its bytes is there, that alone.

    Args:
        record: whose checksum fits.
        out: the folder that holds ``artifacts/``, None where there is none.
    """
    if not record.artifact:
        return []
    if out is None or not (there := [path for path in places(record, out) if path.is_file()]):
        return [Finding(UNSEEN, "artifact", f"{record.artifact} is not here")]
    path = held(record, out)
    if path is None:
        found = file_digest(there[0])
        size = there[0].stat().st_size
        more = [differs("bytes", record.bytes, size, "the file has")] if size != record.bytes else []
        return [differs("artifact_sha256", record.artifact_sha256, found, f"{there[0].name} has"), *more]
    try:
        return [*_beside(record, path), *_contents(record, path)]
    except UserError as error:
        return [Finding(WRONG, "artifact", error.what)]


def _beside(record: Record, path: Path) -> Iterator[Finding]:
    """What was written beside the file when it was measured."""
    facts = Compressed.read(path)
    for name in _FACTS if facts else ():
        said, found = getattr(record, name), getattr(facts, name)
        if said is not None and found is not None and said != found:
            yield differs(name, said, found, f"{path.with_suffix('.json').name} says")


def _contents(record: Record, path: Path) -> Iterator[Finding]:
    """What the file is and says of itself."""
    from ccbench.archive import CompressedDataset

    opened = CompressedDataset.open(path)
    meta = opened.meta
    size = path.stat().st_size
    if record.bytes != size:
        yield differs("bytes", record.bytes, size, "the file has")
    if record.images != len(opened):
        yield differs("images", record.images, len(opened), "the file has")
    if record.classes is not None and record.classes != len(opened.classes):
        yield differs("classes", record.classes, len(opened.classes), "the file has")
    yield from _said(record, meta)
    if "full" in meta:
        shape = DataShape(*meta["full"])
        shown = opened.shape
        picture = "" if shown == (shape.height, shape.width) else f"{shown[1]}x{shown[0]}"
        ratios = {"nominal_ratio": float(1 - opened.nominal_kept(shape)), "measured_ratio": 1 - size / shape.raw_bytes}
        for name, found in ratios.items():
            said = getattr(record, name)
            if said is None or not math.isclose(said, found, abs_tol=1e-9):
                yield differs(name, said, found, "the file has")
        if record.picture != picture:
            yield differs("picture", record.picture, picture, "the file has")
    if record.learned_lr is not None and record.learned_lr != opened.learning_rate:
        yield differs("learned_lr", record.learned_lr, opened.learning_rate, "the file has")
    if record.labels == "soft" and opened.soft_labels is None:
        yield Finding(WRONG, "labels", "the record says soft, and the file has none")


def _said(record: Record, meta: dict[str, Any]) -> Iterator[Finding]:
    """The row against what the file says of its making; a row of a file alone has a name of its own."""
    if record.lone:
        return
    for name in _META:
        if name in meta or name in _DEFAULTS:
            said, found = getattr(record, name), meta.get(name, _DEFAULTS.get(name))
            if said != found:
                yield differs(name, said, found, "the file says")
    if "kept" in meta and str(record.kept) != meta["kept"]:
        yield differs("kept", record.kept, meta["kept"], "the file says")
    if meta.get("seed") not in (None, record.seed):
        yield differs("seed", record.seed, meta["seed"], "the file says")
