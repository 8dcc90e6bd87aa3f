"""What a file may say of itself: the types of its facts, by kind of payload and by coder."""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from typing import Annotated, Any, Literal

from msgspec import Meta, Struct, field

from ccbench import schema
from ccbench.coding.names import CODINGS
from ccbench.data.source import LARGEST

Side = Annotated[int, Meta(ge=1, le=1 << 26)]
Bits = Annotated[int, Meta(ge=1, le=8)]
Three = tuple[schema.Number, schema.Number, schema.Number]
_FULL = 10**9  # images of a training set


class Ids(Struct):
    """Of :func:`ccbench.archive.ids.store_ids`."""

    form: Literal["synthetic", "range", "rising", "values"]
    count: schema.Size | None = None
    first: schema.Count = 0


class Raw(Struct):
    """Of raw images."""


class Palette(Struct):
    """Of images of few colours."""

    bits: Bits
    size: tuple[schema.Size, Side, Side]


class Encoded(Struct):
    """Of encoded images."""

    codec: Literal["png", "jpeg", "webp", "avif", "jxl"]
    size: tuple[Side, Side]
    grid: tuple[Side, Side] = (1, 1)
    count: schema.Size = 1
    shown: tuple[Side, Side] = (1, 1)
    shared_heads: bool = False


class Patches(Struct):
    """Of images without some of their patches."""

    grid: tuple[Side, Side]
    fill: str


class Levels(Struct):
    """Of images of few levels."""

    size: tuple[schema.Size, Side, Side]
    patch: tuple[Side, Side]
    bits: Annotated[int, Meta(ge=0, le=8)]


class _Space(Struct):
    kind: Literal["channels", "zca"]
    mean: Three = (0, 0, 0)
    std: Three = (1, 1, 1)


class Floats(Struct):
    """Of float pictures."""

    space: _Space


class Rans(Struct):
    """Of range-coded palette indices."""

    size: tuple[schema.Size, Side, Side]
    bits: Bits
    block: schema.Size
    band: Side
    turns: schema.Size
    table: str
    model: Literal["network", "counts"]
    neighbours: Annotated[int, Meta(ge=0, le=14)]
    clusters: Annotated[int, Meta(ge=1, le=1 << 20)]
    hidden: tuple[Annotated[int, Meta(ge=1, le=4096)], Annotated[int, Meta(ge=1, le=4096)]] = (1, 1)


class Mosaics(Struct):
    """Of raw images coded as pictures."""

    size: tuple[schema.Size, Side, Side]
    grid: tuple[Side, Side]


class Zstd(Struct):
    """Of an array of any kind."""

    dtype: Literal["|u1", "<u2", "<u4", "<u8", "<f2", "<f4"]
    shape: Annotated[list[Annotated[int, Meta(ge=0, le=1 << 40)]], Meta(max_length=8)]
    planes: bool = False


_PAYLOADS: dict[str, type[Struct]] = {
    "raw": Raw,
    "palette": Palette,
    "encoded": Encoded,
    "patches": Patches,
    "levels": Levels,
    "floats": Floats,
}
_CODERS: dict[str, type[Struct]] = {"rans": Rans, "jxl": Mosaics, "webp": Mosaics, "zstd": Zstd}


class Facts(Struct):
    """Of a whole file."""

    kind: Literal["raw", "palette", "encoded", "patches", "levels", "floats"]
    payload: dict[str, Any]
    ids: Ids
    classes: Annotated[list[str], Meta(min_length=1)]
    meta: dict[str, Any]
    nominal: Literal["bits", "images"] = "bits"
    learning_rate: schema.Number | None = None
    coded: dict[str, dict[str, Any]] = {}


class _Options(Struct):
    """Of :meth:`ccbench.data.DataSource.options`."""

    image_size: Annotated[int, Meta(ge=1, le=LARGEST)] = 1
    skip_bad: bool = False
    test_share: Annotated[float, Meta(gt=0, lt=1)] = 0.5


OPTIONS = _Options.__struct_fields__
"""Of a source, those that a file may hold."""

_Side = Annotated[int, Meta(ge=1, le=LARGEST)]


class Described(Struct):
    """What ccbench itself writes into ``meta``; none of it has to be there, and more may be."""

    dataset: str = ""
    dataset_digest: str = ""
    method: str = ""
    protocol: str = ""
    versions: list[str] = []
    kept: Fraction = Fraction(1)
    match: schema.Match = "nominal"
    coding: str = "none"
    seed: Annotated[int, Meta(ge=0, lt=1 << 62)] | None = None
    base_seed: schema.Whole = 0
    full: tuple[Annotated[int, Meta(ge=1, le=_FULL)], _Side, _Side, Annotated[int, Meta(ge=1, le=_FULL)]] | None = None
    data_options: _Options = field(default_factory=_Options)
    notes: list[str] = []
    scores: list[str] = []
    made: str = ""
    content: str = ""


def check(facts: Any) -> Facts:
    """The facts of a file, all parts as their kinds say.

    Raises:
        ValueError: they are not.
    """
    whole = schema.fit(facts, Facts)
    schema.fit(whole.payload, _PAYLOADS[whole.kind])
    for name, about in whole.coded.items():
        coder = about.get("coder")
        if not isinstance(coder, str) or coder not in _CODERS:
            raise ValueError(f"{name} coded by {coder!r:.40}")
        schema.fit(about, _CODERS[coder])
    return whole


def check_described(meta: Mapping[str, Any]) -> Described:
    """What a file's ``meta`` says, where ccbench knows it.

    Raises:
        ValueError: it says what cannot be.
    """
    said = schema.fit(meta, Described)
    if not 0 < said.kept <= 1:
        raise ValueError(f"kept {said.kept}, expected above 0 and at most 1, at `kept`")
    if said.coding not in CODINGS:
        raise ValueError(f"{said.coding!r:.40} is no coding, at `coding`")
    return said
