"""What files from elsewhere may say: JSON read within bounds, and checked against a type before it is used.

A type is a ``msgspec.Struct``, a dataclass or anything else that msgspec knows, its ranges written with it. Fields that
it does not name are let through: a newer version, or a method of its own, may have written them.
"""

from __future__ import annotations

import json
import math
import re
from fractions import Fraction
from typing import Annotated, Any, TypeVar

from msgspec import Meta, ValidationError, convert

T = TypeVar("T")

Count = Annotated[int, Meta(ge=0, lt=1 << 62)]
"""A whole number that may be 0; no sum or product of a few of them is looked at before its own check."""
Size = Annotated[int, Meta(ge=1, le=1 << 40)]
"""Of an axis: images, pixels, steps."""
Whole = Annotated[int, Meta(gt=-(1 << 62), lt=1 << 62)]
"""Any whole number that tables can hold, such as a base seed."""
Match = Annotated[str, Meta(pattern=r"^(?:nominal|bytes)\Z")]
"""What a budget is held to."""
Seed = Annotated[int, Meta(ge=0, lt=1 << 32)]
"""The index of a repetition, or what a generator begins with."""
Ordinal = Annotated[int, Meta(ge=1, lt=1 << 32)]
"""1, 2, 3 ...: attempts, seeds, threads."""
Share = Annotated[float, Meta(ge=0, le=1)]
"""An accuracy, or another fraction that is never more than everything."""
Number = Annotated[float, Meta(ge=-1e300, le=1e300)]
"""Finite, and not too large to reckon with."""
Positive = Annotated[float, Meta(ge=0, le=1e12)]
"""Measures that are never below 0."""
Seconds = Annotated[float, Meta(ge=-1, le=1e12)]
"""Wall clock; a difference of two may fall short of 0 by its noise."""
Removed = Annotated[float, Meta(ge=-1e9, le=1)]
"""A ratio as it came out: below 0 where what was made is larger than the original."""

_FRACTION = re.compile(r"\d{1,40}(/0*[1-9]\d{0,40})?")


def parse(text: str | bytes, *, infinite: bool = False) -> Any:
    """JSON as the standard has it.

    Args:
        text: UTF-8 where it is bytes.
        infinite: whether NaN and infinities pass, which Python writes and the standard has not.

    Raises:
        ValueError: it is none, nested too deeply, or has NaN or a number too large for a float.
    """
    try:
        return json.loads(text) if infinite else json.loads(text, parse_constant=_refuse, parse_float=_finite)
    except RecursionError:
        raise ValueError("nested too deeply") from None


def fit(value: Any, kind: type[T]) -> T:
    """A value as the type says, or none.

    Examples:
        >>> fit({"a": "1/12", "more": 5}, dict[str, Any])
        {'a': '1/12', 'more': 5}
        >>> fit("1/12", Fraction)
        Fraction(1, 12)

    Args:
        value: from :func:`parse`; a fraction is text such as ``"1/12"``.
        kind: what it should be.

    Raises:
        ValueError: it is not; the text says where and what was expected.
    """
    try:
        return convert(value, kind, dec_hook=_decode)
    except ValidationError as error:
        raise ValueError(str(error).replace(" - at `$.", ", at `")) from None
    except RecursionError:
        raise ValueError("nested too deeply") from None


def _refuse(name: str) -> float:
    raise ValueError(f"{name} is no number of JSON")


def _finite(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise ValueError(f"{text:.20} is too large a number")
    return value


def _decode(kind: type, value: Any) -> Any:
    if kind is not Fraction:
        raise TypeError(f"no way to read a {kind.__name__}")
    if isinstance(value, str) and _FRACTION.fullmatch(value):
        return Fraction(value)
    raise ValueError('a fraction such as "1/12" expected')
