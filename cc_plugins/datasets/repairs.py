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
_FILL = (b"", b"\x00" * 64, b"\x55" * 64, b"\xaa" * 64)  # what a decoder would take for pixels, if any were missing
_BARE = frozenset({0x01, *range(0xD0, 0xD9)})  # markers without a length


def with_end(path: Path) -> io.BytesIO | None:
    """A JPEG file with the end marker that it lacks, or None where more than that is missing.

    Whatever stands between the last pixel and the marker is passed over by decoders, so a file holds every pixel
    exactly if it decodes to the same ones whatever is put there, and if each of its scans is there.
    """
    content = path.read_bytes()
    body = content.rstrip(b"\xff")
    if not content.startswith(_START) or content.endswith(_END) or not _all_scans(body):
        return None
    decoded = []
    for fill in _FILL:
        try:
            with Image.open(io.BytesIO(body + fill + _END)) as image:
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


def _all_scans(content: bytes) -> bool:
    """Whether the scans of a JPEG file hold every coefficient of every component to its last bit."""
    components: set[int] = set()
    left: dict[int, set[int]] = {}  # coefficients of which bits are missing, by component
    at = 2
    while (at := content.find(b"\xff", at)) >= 0 and at + 4 <= len(content):
        marker = content[at + 1]
        at += 2
        if marker in (0x00, 0xFF) or marker in _BARE:  # a stuffed byte, a filler, a restart
            at -= marker == 0xFF
            continue
        (length,) = struct.unpack_from(">H", content, at)
        segment = content[at + 2 : at + length]
        if 0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC):  # the frame
            components = set(segment[6::3])
            left = {c: set(range(64)) for c in components}
        elif marker == 0xDA and len(segment) >= 4:  # a scan
            first, last, bits = segment[-3:]
            for component in segment[1:-3:2]:
                if not bits & 15 and component in left:
                    left[component] -= set(range(first, last + 1))
        at += length
    return bool(components) and not any(left.values())
