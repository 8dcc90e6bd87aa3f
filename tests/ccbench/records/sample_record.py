"""A record, for the tests of this folder."""

from fractions import Fraction

from ccbench.records.record import Record


def record(**changes):
    facts = {"cell": "abc123", "status": "ok", "dataset": "photodigits", "method": "dcq", "architecture": "quicknet",
             "protocol": "quick", "kept": Fraction(1, 12), "ratio": 11 / 12, "seed": 0, "accuracy": 0.5}  # fmt: skip
    return Record(**{**facts, **changes})
