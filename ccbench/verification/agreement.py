"""Whether a training that was done again agrees with its record."""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from ccbench.leaderboard.intervals import LEVEL, quantile
from ccbench.records.facts import Trained
from ccbench.records.record import Record, latest, read_all

_SAME = (
    "device", "cpu", "kernels", "torch", "torchvision", "timm", "numpy", "cuda", "cudnn", "tf32", "threads", "compiled",
    "micro_batch", "system",
)  # fmt: skip


def same_machine(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool | None:
    """Whether two environments compute the same digits: the same hardware and versions; None where one does not say."""
    if "cpu" not in one or "cpu" not in other:
        return None
    return all(one.get(name) == other.get(name) for name in _SAME)


def apart(one: Mapping[str, Any], other: Mapping[str, Any]) -> list[str]:
    """What of hardware and versions two environments name differently."""
    names = [name for name in _SAME if name in one and name in other and one[name] != other[name]]
    return [f"{name} {one[name]} and {other[name]}" for name in names]


def of_row(record: Record, records: Iterable[Record]) -> list[float]:
    """The accuracies of a record's row, one for each seed."""
    mine = [r for r in latest(records) if r.ok and r.accuracy is not None and r.row == record.row]
    return [r.accuracy for r in mine if r.accuracy is not None]


def interval(accuracies: Sequence[float]) -> float | None:
    """How far apart two trainings of one row may be, from the spread over its seeds.

    Two independent trainings of a row differ by a number of variance 2 s², where s is the standard deviation over its n
    seeds; with Student's t at n - 1 degrees of freedom that is t s √2.

    Returns:
        A fraction, such as 0.02 for two points; None for one seed.
    """
    if len(accuracies) < 2:
        return None
    return quantile(len(accuracies)) * statistics.stdev(accuracies) * math.sqrt(2)


def judge(record: Record, fresh: Trained | Record, accuracies: Sequence[float]) -> tuple[str, float | None, str]:
    """Whether a fresh training agrees with its record.

    Args:
        record: what was published.
        fresh: what came out now.
        accuracies: of the record's row, see :func:`of_row`.

    Returns:
        ``equal``, ``within``, ``outside`` or ``unjudged``; half the interval where it was asked for; and the sentence.
    """
    assert record.accuracy is not None
    assert fresh.accuracy is not None
    said = f"{record.accuracy:.4%} recorded, {fresh.accuracy:.4%} now"
    same = same_machine(record.environment, fresh.environment)
    loss = None not in (record.final_loss, fresh.final_loss) and record.final_loss != fresh.final_loss
    curve = None not in (record.curve, fresh.curve) and record.curve != fresh.curve
    if fresh.accuracy == record.accuracy and not loss and not curve:
        return "equal", None, f"equal to the last digit: {said}"
    where = "; ".join(apart(record.environment, fresh.environment)) or "the record does not say its processor"
    if same:
        what = f"final loss {record.final_loss:g} recorded, {fresh.final_loss:g} now" if loss else said
        if fresh.accuracy == record.accuracy and not loss:
            what = f"another curve of the training than recorded; {said}"
        return "outside", None, f"other digits on the same hardware and versions: {what}"
    margin = interval(accuracies)
    if margin is None:
        return "unjudged", None, f"{said}; {where}; one seed has no spread to hold that against"
    inside = abs(fresh.accuracy - record.accuracy) <= margin
    how = f"the {LEVEL:.0%} interval from {len(accuracies)} seeds is ± {100 * margin:.2f} points"
    return ("within" if inside else "outside"), min(margin, 1.0), f"{said}; {where}; {how}"


_AGREES = {"equal": "agrees with", "within": "agrees with", "outside": "does NOT agree with", "unjudged": "beside"}


def agreements(record: Record, outs: Iterable[str | Path]) -> list[str]:
    """A line for each other record of the same cell: whether this one agrees with it.

    Args:
        record: that was just written.
        outs: folders that hold ``results/``.
    """
    others = [other for other in read_all(*outs)[0] if other.row == record.row and other.ok]
    same = [other for other in others if other.cell == record.cell and other.checksum != record.checksum]
    lines = []
    for other in same:
        own = [r for r in others if r.checksum != record.checksum]
        word, _, text = judge(other, record, of_row(other, own))
        lines.append(
            f"{_AGREES[word]} the record of {other.finished[:19].replace('T', ' ')} (attempt {other.attempt}): {text}"
        )
    return lines
