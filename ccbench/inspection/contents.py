"""What a file holds, and which of its bytes are spent on what."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from ccbench.archive import (
    CompressedDataset,
    EncodedImages,
    FloatImages,
    LevelImages,
    PaletteImages,
    PatchImages,
    container,
)
from ccbench.archive.origin import remembered
from ccbench.inspection.subject import Subject
from ccbench.inspection.text import as_option, rows
from ccbench.leaderboard.escaping import clean

# which part an array of the file belongs to; whatever is not named here is a part of its own
_PARTS = {
    "": "header",
    "images": "pixels", "values": "pixels",
    "patches": "pixels", "packed": "pixels", "blobs": "pixels", "lengths": "pixels",
    "levels": "pixels", "bits": "bounds", "bounds": "bounds", "owners": "bounds",
    "palettes": "palettes", "clusters": "palettes", "soft_labels": "soft labels",
    "whitening": "whitening", "whitening_mean": "whitening",
}  # fmt: skip
_NAMES = 12  # classes named in the text


def facts(subject: Subject) -> dict[str, Any]:
    """JSON-able data: counts, sizes in pixels and bytes, all exact."""
    compressed, path = subject.compressed, subject.path
    each = np.bincount(compressed.labels, minlength=len(compressed.classes))
    return {
        "file": str(path),
        "digest": compressed.digest,
        "bytes": path.stat().st_size,
        "parts": part_bytes(path),
        "coded": compressed.coders,
        "method": compressed.meta.get("method"),
        "dataset": compressed.meta.get("dataset"),
        "data_options": remembered(compressed),
        "notes": compressed.meta.get("notes", []),
        "payload": _payload(compressed),
        "images": len(compressed),
        "synthetic": int((compressed.ids < 0).sum()),
        "height": compressed.shape[0],
        "width": compressed.shape[1],
        "bits_per_pixel": compressed.bits_per_pixel,
        "classes": list(compressed.classes),
        "images_per_class": each.tolist(),
        "soft_labels": None if compressed.soft_labels is None else str(compressed.soft_labels.dtype),
        "weights": compressed.weights is not None,
        "nominal": compressed.nominal,
        "learning_rate": compressed.learning_rate,
    }


def part_bytes(path: Path) -> dict[str, int]:
    """Bytes by what they hold, the header first; they add up to the file.

    Args:
        path: a ``.ccb`` file that was checked.
    """
    parts: dict[str, int] = {}
    for name, size in container.sizes(path).items():
        part = _PARTS.get(name := name.partition(".")[0], name)  # a coded array has several
        parts[part] = parts.get(part, 0) + size
    return parts


def lines(facts: dict[str, Any]) -> list[str]:
    """The section for people."""
    each = facts["images_per_class"]
    names = ", ".join(clean(name, 40) for name in facts["classes"][:_NAMES])
    names += ", …" if len(facts["classes"]) > _NAMES else ""
    per_class = f"{min(each)}" if min(each) == max(each) else f"{min(each)} to {max(each)}"
    labels = f"one of {len(each)} classes each"
    labels += f"; soft ones beside them ({facts['soft_labels']})" if facts["soft_labels"] else ""
    labels += f"; a learned learning rate of {facts['learning_rate']:.4g}" if facts["learning_rate"] else ""
    made = f"{facts['images']:,} of {facts['width']}x{facts['height']} pixels"
    made += f", {facts['bits_per_pixel']:.4g} bits per pixel"
    made += f"; {facts['synthetic']:,} synthetic" if facts["synthetic"] else ""
    options = [part for item in facts["data_options"].items() for part in as_option(item)]
    table = [
        ("method", clean(facts["method"] or "not said")),
        ("made from", " ".join([clean(facts["dataset"] or "not said"), *options])),
        *(("note", clean(note)) for note in facts["notes"]),
        ("payload", facts["payload"]["text"]),
        ("images", made),
        ("classes", f"{len(each)}, {per_class} images each: {names}"),
        ("labels", labels + ("; weights" if facts["weights"] else "")),
        *([("coded", _coded(facts["coded"]))] if facts["coded"] else []),
        ("counted as", {"bits": "bits of its pixels", "images": "whole images (IPC)"}[facts["nominal"]]),
    ]
    size = facts["bytes"]
    parts = [(name, f"{count:>{len(f'{size:,}')},}  {count / size:6.1%}") for name, count in facts["parts"].items()]
    return [
        f"{clean(facts['file'])}: {size:,} bytes, whole (digest {facts['digest'][:12]})",
        *rows(table),
        "bytes",
        *rows(parts),
    ]


def _coded(coders: dict[str, str]) -> str:
    """Coders, each with what it codes."""
    by: dict[str, list[str]] = {}
    for name, coder in coders.items():
        by.setdefault(coder, []).append(_PARTS.get(name, name))
    return "; ".join(f"{', '.join(dict.fromkeys(parts))} by {coder}" for coder, parts in by.items())


def _payload(compressed: CompressedDataset) -> dict[str, Any]:
    payload = compressed.payload
    if isinstance(payload, PaletteImages):
        count, whose = len(payload.palettes), "of its own for each image" if payload.clusters is None else "shared"
        text = f"palettes of {1 << payload.bits} colours ({payload.bits} bits), {count:,}, {whose}"
        return {"kind": "palette", "bits": payload.bits, "palettes": count, "text": text}
    if isinstance(payload, EncodedImages):
        small = (
            "" if payload.stored == payload.shape else f", stored at {payload.stored[0]} x {payload.stored[1]} pixels"
        )
        many = f" of {payload.per_file} images each" if payload.per_file > 1 else ""
        text = f"{payload.codec.upper()} files{many}{small}"
        return {"kind": "encoded", "codec": payload.codec, "text": text}
    if isinstance(payload, PatchImages):
        (rows, columns), (kept, side) = payload.masks.shape[1:], payload.patches.shape[1:3]
        text = f"{kept} of {rows} x {columns} patches of {side} pixels in each image, the others filled: {payload.fill}"
        return {"kind": "patches", "kept": kept, "grid": [rows, columns], "fill": payload.fill, "text": text}
    if isinstance(payload, LevelImages):
        fewest, most = int(payload.bits.min()), int(payload.bits.max())
        depth = f"{fewest}" if fewest == most else f"{fewest} to {most}"
        patch = " x ".join(map(str, payload.patch))
        where = "each image" if payload.patch == payload.shape else f"patches of {patch} pixels"
        shared = "" if payload.owners is None else f", {len(payload.bounds):,} shared"
        text = f"levels of {depth} bits for each channel value, bounds for {where}{shared}"
        return {"kind": "levels", "bits": [fewest, most], "patch": list(payload.patch), "text": text}
    if isinstance(payload, FloatImages):
        return _floats(payload)
    return {"kind": "raw", "text": "raw pixels"}


def _floats(payload: FloatImages) -> dict[str, Any]:
    """The space of float pictures, and what showing them as colours would lose."""
    dtype, space, (outside, moved) = payload.values.dtype.name, payload.space, payload.clipped()
    text = f"{dtype} pictures as they were trained: {space!r}; {outside:.1%} of the values are no colours, "
    text += f"clipping would move them by {moved:.3g} grey levels (root of the mean square)"
    return {"kind": "floats", "dtype": dtype, "space": space.kind, "outside": outside, "moved": moved, "text": text}
