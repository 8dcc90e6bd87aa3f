"""The .ccb file: a safetensors file that carries its own digest and has exactly one form for one content.

    8 bytes   length of the header, little endian
    header    JSON: {"__metadata__":{"format":"ccbench","sha256":"<64 hex>","schema":"1","facts":"<JSON>"},"ids":{...}}
    data      the arrays, one after another

The digest covers every byte of the file with its own 64 digits read as zeros.
The first two fields of the metadata and the digest's rule are the same for every
schema, so that a newer file and a damaged one can be told apart. The header is
written here because the safetensors library orders metadata differently on each
run and wants whole arrays in memory; any safetensors reader opens the result.
"""

from __future__ import annotations

import hashlib
import json
import math
import mmap
import os
from collections.abc import Iterator, Mapping
from itertools import chain
from pathlib import Path
from typing import Annotated, Any, BinaryIO, NamedTuple

import numpy as np
from msgspec import Meta, Struct

from ccbench import schema
from ccbench.errors import UserError
from ccbench.files import new_file, readable

SCHEMA = 1
HEADER_LIMIT = 16 << 20  # bytes; far above any real header, far below what a flipped length would ask for
_START = b'{"__metadata__":{"format":"ccbench","sha256":"'
_DIGEST = slice(8 + len(_START), 8 + len(_START) + 64)
_ZEROS = b"0" * 64
_BLOCK = 1 << 20
_DTYPES = {"U8": "|u1", "U16": "<u2", "U32": "<u4", "U64": "<u8", "F16": "<f2", "F32": "<f4"}
_NAMES = {np.dtype(code): name for name, code in _DTYPES.items()}


def write(path: str | os.PathLike[str], facts: Mapping[str, Any], arrays: Mapping[str, np.ndarray]) -> int:
    """Write a whole file or nothing.

    Args:
        path: replaced if it exists, and only once the new file is complete.
        facts: JSON-able, small.
        arrays: by name; uint8..uint64, float16 or float32.

    Returns:
        Bytes of the file.

    Raises:
        UserError: the folder cannot be written, the disk is full, or the facts are too long.
    """
    # widest first, so that every array is aligned where it lies; then by name
    ordered = sorted(arrays.items(), key=lambda item: (-item[1].dtype.itemsize, item[0]))
    header: dict[str, Any] = {
        "__metadata__": {
            "format": "ccbench",
            "sha256": _ZEROS.decode(),
            "schema": str(SCHEMA),
            "facts": json.dumps(facts, sort_keys=True, separators=(",", ":"), allow_nan=False),
        }
    }
    end = 0
    for name, array in ordered:
        start, end = end, end + array.nbytes
        header[name] = {"dtype": _NAMES[array.dtype], "shape": list(array.shape), "data_offsets": [start, end]}
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    if len(text) > HEADER_LIMIT:
        raise UserError(
            "the metadata of a compressed dataset must stay small",
            found=f"{len(text)} bytes of it",
            mend=f"keep class names and meta below {HEADER_LIMIT >> 20} MiB",
        )
    with new_file(path) as file:
        digest = hashlib.sha256()
        for block in chain((len(text).to_bytes(8, "little"), text), _blocks(ordered)):
            digest.update(block)
            file.write(block)
        file.seek(_DIGEST.start)
        file.write(digest.hexdigest().encode())
    return 8 + len(text) + end


def read(path: str | os.PathLike[str]) -> tuple[dict[str, Any], dict[str, np.ndarray], str]:
    """Check a file whole, then map it into memory.

    Returns:
        The facts, the arrays (read-only views of the mapped file, not yet in memory) and the file's digest.

    Raises:
        UserError: the file is missing, a folder, a pipe or a device, empty, foreign, cut short, damaged, of a newer
            schema, or may not be read.
    """
    path = Path(path)
    if path.is_dir():
        raise UserError(f"{path} is a folder, not a compressed dataset", mend="name a .ccb file")
    try:
        with readable(path), path.open("rb") as file:
            head, begin, digest = _check(path, file)
            view = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    except FileNotFoundError:
        raise UserError(f"there is no file {path}", mend="name a .ccb file; ccbench compress writes one") from None
    except OSError as error:
        raise UserError(f"cannot read {path}", found=error.strerror or error) from error
    try:
        facts = schema.parse(head.facts)
        return facts, {name: _array(view, begin, entry) for name, entry in head.arrays.items()}, digest
    except ValueError as error:
        raise UserError(f"{path} is whole but its contents make no sense", found=error) from None


def sizes(path: str | os.PathLike[str]) -> dict[str, int]:
    """Bytes of a file's header, under ``""``, and of each of its arrays; they add up to the file, which was checked."""
    with Path(path).open("rb") as file:
        length = int.from_bytes(file.read(8), "little")
        arrays = _head(file.read(length)).arrays
    return {"": 8 + length, **{name: entry.nbytes for name, entry in arrays.items()}}


def read_digest(path: str | os.PathLike[str]) -> str:
    """The digest that a file claims, without checking it."""
    with readable(Path(path)), Path(path).open("rb") as file:
        return file.read(_DIGEST.stop)[_DIGEST].decode("ascii", "replace")


def _check(path: Path, file: BinaryIO) -> tuple[_Head, int, str]:
    """The header, where the data begins and the digest; every fault becomes a UserError that says which."""
    size = os.fstat(file.fileno()).st_size
    start = file.read(_DIGEST.stop)
    if not start:
        raise UserError(f"{path} is empty", mend="write it again")
    begins_right = start[8:].startswith(_START) or (len(start) > 8 and _START.startswith(start[8:]))
    if not begins_right:
        raise UserError(
            f"{path} is not a ccbench file, or its first bytes are damaged",
            found=f"it begins with {start[:16]!r}",
            mend="name a .ccb file",
        )
    length = int.from_bytes(start[:8], "little")
    if length > HEADER_LIMIT:
        raise _damaged(path, f"a header of {length} bytes")
    if size < max(8 + length, _DIGEST.stop):
        raise _cut(path, size, max(8 + length, _DIGEST.stop))
    file.seek(8)
    text = file.read(length)
    try:
        head = _head(text)
    except ValueError as error:
        raise _damaged(path, f"an unreadable header: {error}") from None
    expected = 8 + length + head.end
    if size < expected:
        raise _cut(path, size, expected)
    if size > expected:
        raise _damaged(path, f"{size - expected} bytes too many")
    digest = hashlib.sha256(start[: _DIGEST.start] + _ZEROS)
    file.seek(_DIGEST.stop)
    while block := file.read(_BLOCK):
        digest.update(block)
    if start[_DIGEST] != digest.hexdigest().encode():
        raise _damaged(path, "its digest does not match its contents")
    if head.schema != str(SCHEMA):
        raise UserError(
            f"{path} was written by a newer version of ccbench",
            found=f"file schema {head.schema:.20}; this version reads {SCHEMA}",
            mend="pip install --upgrade ccbench",
        )
    return head, 8 + length, digest.hexdigest()


class _Entry(Struct):
    """Where an array lies, as safetensors has it."""

    dtype: str
    shape: Annotated[list[Annotated[int, Meta(ge=0, le=1 << 40)]], Meta(max_length=8)]
    data_offsets: tuple[schema.Count, schema.Count]

    @property
    def nbytes(self) -> int:
        """Of the array."""
        return self.data_offsets[1] - self.data_offsets[0]


class _Metadata(Struct):
    schema: str
    facts: str = ""  # a newer schema may have others


class _Head(NamedTuple):
    schema: str
    facts: str
    arrays: dict[str, _Entry]
    end: int


def _head(text: bytes) -> _Head:
    """The header's fields, arrays in their order.

    Raises:
        ValueError: it is no JSON, has other fields, or arrays that do not lie one after another.
    """
    fields = schema.fit(schema.parse(text), dict[str, dict[str, Any]])
    about = schema.fit(fields.pop("__metadata__", None), _Metadata)
    arrays, end = schema.fit(fields, dict[str, _Entry]), 0
    for name, entry in arrays.items():
        if entry.data_offsets[0] != end or entry.nbytes < 0:
            raise ValueError(f"{name:.60} lies at {entry.data_offsets}, and not from {end} on")
        end = entry.data_offsets[1]
    return _Head(about.schema, about.facts, arrays, end)


def _cut(path: Path, size: int, expected: int) -> UserError:
    return UserError(
        f"{path} is cut short", found=f"{size} of at least {expected} bytes", mend="copy or write it again"
    )


def _damaged(path: Path, found: str) -> UserError:
    return UserError(f"{path} is damaged", found=found, mend="copy or write it again")


def _array(view: mmap.mmap, begin: int, entry: _Entry) -> np.ndarray:
    if entry.dtype not in _DTYPES:
        raise ValueError(f"an array of dtype {entry.dtype:.20}")
    dtype, count = np.dtype(_DTYPES[entry.dtype]), math.prod(entry.shape)
    if entry.nbytes != count * dtype.itemsize:
        raise ValueError(f"an array of shape {entry.shape} in {entry.nbytes} bytes")
    return np.frombuffer(view, dtype, count, begin + entry.data_offsets[0]).reshape(entry.shape)


def _blocks(arrays: list[tuple[str, np.ndarray]]) -> Iterator[bytes | memoryview]:
    for _, array in arrays:
        if array.size:
            flat = (
                np.ascontiguousarray(array.astype(array.dtype.newbyteorder("<"), copy=False)).reshape(-1).view(np.uint8)
            )
            for start in range(0, flat.size, _BLOCK):
                yield flat[start : start + _BLOCK].data
