"""How much smaller a file is than its original."""

from __future__ import annotations

from typing import Any

from ccbench.inspection.subject import Subject
from ccbench.inspection.text import rows


def facts(subject: Subject) -> dict[str, Any] | None:
    """Nominal (by the papers' formula) and measured ratio: fractions of raw bytes removed; None without an original."""
    shape = subject.shape
    if shape is None:
        return None
    return {
        "nominal": float(1 - subject.compressed.nominal_kept(shape)),
        "measured": 1 - subject.path.stat().st_size / shape.raw_bytes,
        "original_bytes": shape.raw_bytes,
        "original_images": shape.images,
        "images_kept": len(subject.compressed) / shape.images,
        "ipc": len(subject.compressed) / shape.classes,
    }


def lines(facts: dict[str, Any]) -> list[str]:
    """The section for people."""
    kept = f"{facts['images_kept']:.2%} of {facts['original_images']:,}, {facts['ipc']:.4g} for each class"
    numbers = [("nominal", f"{facts['nominal']:.4f}"), ("measured", f"{facts['measured']:.4f}"), ("images", kept)]
    return [f"ratio, of {facts['original_bytes']:,} bytes of raw pixels", *rows(numbers)]
