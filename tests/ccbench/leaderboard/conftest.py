from fractions import Fraction

import pytest

from ccbench.records.record import Record


def maker():
    """Makes records with hand-written numbers: make(method, ratio, [accuracy or status, ...], **changes)."""
    count = 0

    def records(method, ratio, outcomes, **changes):
        nonlocal count
        made = []
        for seed, outcome in enumerate(outcomes):
            count += 1
            ok = not isinstance(outcome, str)
            facts = {
                "cell": f"cell{count}", "dataset": "photodigits", "dataset_digest": "d1", "method": method,
                "method_version": "1", "architecture": "quicknet", "protocol": "quick", "protocol_version": "1",
                "kept": 1 - Fraction(str(ratio)), "ratio": ratio,
                "nominal_ratio": ratio if ok else None, "measured_ratio": ratio - 0.01 if ok else None,
                "bytes": 1000 + seed if ok else None, "seed": seed, "seed_value": 100 + seed,
                "status": "ok" if ok else outcome, "reason": "" if ok else f"the {outcome} reason",
                "accuracy": outcome if ok else None, "finished": f"2026-01-01T00:00:{seed:02d}+00:00",
            }  # fmt: skip
            made.append(Record(**{**facts, **changes}))
        return made

    return records


@pytest.fixture
def make():
    """See :func:`maker`."""
    return maker()
