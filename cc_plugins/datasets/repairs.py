"""Two kinds of damage that image viewers pass over: a JPEG file without its end marker, a PNG file with much text.

Nothing here guesses pixels: a file is only mended where every pixel is in it.
"""

from __future__ import annotations

import io
import struct
from pathlib import Path

import numpy as np
from PIL import Image

_PNG = b"\x89PNG\r\n\x1a\n"
_TEXT = frozenset({b"tEXt", b"zTXt", b"iTXt", b"iCCP"})  # Pillow bounds them together; profiles are not applied
_TURNED = b"Raw profile type exif\0"  # the keyword of a text that may hold the orientation
_START = b"\xff\xd8"
_END = b"\xff\xd9"
# what a decoder would take for missing pixels: every first four bits, since one code can stand for no change
_FILL = (b"", *(bytes([17 * v]) * 64 for v in range(15)), b"\xff\x00" * 64)
_RESTARTS = frozenset(range(0xD0, 0xD8))
_BARE = frozenset({0x01, 0xD8})  # other markers without a length


def with_end(path: Path) -> io.BytesIO | None:
    """A JPEG file with the end marker that it lacks, or None where more than that is missing.

    Whatever stands between the last pixel and the marker is passed over by decoders, so a file holds every pixel
    exactly if it decodes to the same ones whatever is put there, and if each of its scans is there. A file with restart
    markers cannot be told that way: decoders pass over everything up to the next marker.
    """
    content = path.read_bytes()
    body = content.rstrip(b"\xff")
    if not content.startswith(_START) or content.endswith(_END):
        return None
    shown = _all_shown(body)
    if shown is None:
        return None
    decoded = []
    for fill in _FILL:
        try:
            with Image.open(io.BytesIO(shown + fill + _END)) as image:
                decoded.append(np.asarray(image))
        except Exception:  # a decoder meets damaged bytes with errors of any class
            return None
        if not np.array_equal(decoded[0], decoded[-1]):
            return None
    return io.BytesIO(body + _END)


def without_text(path: Path) -> io.BytesIO | None:
    """A PNG file without its texts and its colour profile, or None where it has none or is no PNG file."""
    content = path.read_bytes()
    if not content.startswith(_PNG):
        return None
    kept, at = [_PNG], len(_PNG)
    while at + 12 <= len(content):
        length, kind = struct.unpack_from(">I4s", content, at)
        chunk = content[at : at + length + 12]
        at += len(chunk)
        if kind not in _TEXT or chunk[8:].startswith(_TURNED):
            kept.append(chunk)
    kept.append(content[at:])
    mended = b"".join(kept)
    return io.BytesIO(mended) if len(mended) < len(content) else None


def _all_shown(content: bytes) -> bytes | None:
    """A JPEG file with its last scan's blocks shown whole: few pixels of a block at an edge may look alike by chance.

    Returns:
        The file with another width and height, which change nothing about where its last scan ends; None where its
        scans do not hold every coefficient of every component to its last bit, or where it has restart markers.
    """
    frame, scan = 0, b""  # where the frame's segment begins; which components the last scan holds
    factors: dict[int, tuple[int, int]] = {}  # how densely each component is sampled, down and across
    left: dict[int, set[int]] = {}  # coefficients of which bits are missing, by component
    at = 2
    while (at := content.find(b"\xff", at)) >= 0 and at + 4 <= len(content):
        marker = content[at + 1]
        at += 2
        if marker in _RESTARTS:
            return None
        if marker in (0x00, 0xFF) or marker in _BARE:  # a stuffed byte, a filler
            at -= marker == 0xFF
            continue
        (length,) = struct.unpack_from(">H", content, at)
        segment = content[at + 2 : at + length]
        if marker == 0xDD and any(segment):  # how often there are restarts
            return None
        if 0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC):  # the frame
            frame = at + 2
            factors = {c: (f & 15, f >> 4) for c, f in zip(segment[6::3], segment[7::3], strict=False)}
            left = {c: set(range(64)) for c in factors}
        elif marker == 0xDA and len(segment) >= 4:  # a scan
            first, last, bits = segment[-3:]
            scan = segment[1:-3:2]
            for component in scan:
                if not bits & 15 and component in left:
                    left[component] -= set(range(first, last + 1))
        at += length
    if not factors or any(left.values()) or not all(c in factors for c in scan):
        return None
    sides = []
    for axis, side in enumerate(struct.unpack_from(">HH", content, frame + 1)):
        most = max(f[axis] for f in factors.values())
        own = factors[scan[0]][axis] if len(scan) == 1 else 1  # a scan of several components ends with all they share
        if not side or not own or most % own:
            return None
        unit = 8 * most // own
        sides.append(-(-side // unit) * unit)
    if max(sides) > 0xFFFF:
        return None
    return content[: frame + 1] + struct.pack(">HH", *sides) + content[frame + 5 :]
