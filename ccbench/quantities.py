"""Numbers and sizes as people write them, read exactly and within bounds."""

from __future__ import annotations

import re
from decimal import Decimal
from fractions import Fraction

from ccbench.errors import UserError

# Bounded before anything is computed: 1e999999999 as an exact fraction would fill the memory.
_NUMBER = re.compile(r"[+-]?(?=\.?\d)\d{0,40}(?:\.\d{0,40})?(?:e[+-]?\d{1,2})?|[+-]?\d{1,40}/\d{1,40}", re.IGNORECASE)
_SIZE = re.compile(r"(?P<number>.*?)\s*(?P<prefix>[kmgtp]?)(?P<binary>i?)b?", re.IGNORECASE)
_SHARES = frozenset({"ratio", "fraction"})  # what people also write in per cent
_LARGEST = 2**63  # bytes


def number(value: object, name: str) -> Fraction:
    """A number as it is written: ``0.92``, ``1e-3``, ``1/12``; at most 40 digits before and after the point.

    Examples:
        >>> number(0.92, "ratio"), number("1/12", "fraction")
        (Fraction(23, 25), Fraction(1, 12))

    Args:
        value: text, or a number whose text is taken.
        name: what it is, for errors.

    Raises:
        UserError: it is no number, or has more digits.
    """
    text = str(value).strip()
    try:
        if _NUMBER.fullmatch(text):
            return Fraction(text)
    except ZeroDivisionError:
        pass
    raise UserError(f"{name} must be a number, of at most 40 digits", found=_short(text), mend=_in_words(text, name))


def size(value: object, name: str = "a size") -> Fraction:
    """Bytes: a number alone, or with kB, MB, GB, TB, PB (of 1000) or KiB, MiB, GiB, TiB, PiB (of 1024) behind it.

    The ``B`` may be left out, and case has no say. Not rounded.

    Examples:
        >>> [int(size(text)) for text in ("300KB", "0.5KiB", "1.5m", "7")]
        [300000, 512, 1500000, 7]

    Raises:
        UserError: it reads otherwise, or is not above 0 and below 8 EiB.
    """
    text = str(value).strip()
    match = _SIZE.fullmatch(text)
    try:
        found = number(match["number"] if match else text, name)
    except UserError:
        raise UserError(f"{name} reads like 300KB, 3GB or 512MiB", found=_short(text)) from None
    if match and match["prefix"]:
        found *= (1024 if match["binary"] else 1000) ** (" kmgtp".index(match["prefix"].lower()))
    if not 0 < found < _LARGEST:
        raise UserError(f"{name} must be above 0 and below 8 EiB (2^63 bytes)", found=_short(text))
    return found


def amount(unit: str, value: object) -> Fraction:
    """A budget's number: a :func:`size` for ``bytes``, a :func:`number` for any other unit.

    Raises:
        UserError: as they do.
    """
    return size(value, unit) if unit == "bytes" else number(value, unit)


def plain(value: Fraction) -> str:
    """One text for one number, a quotient where no decimal is exact.

    Examples:
        >>> plain(Fraction("0.10")), plain(Fraction("3e5")), plain(Fraction(1, 3))
        ('0.1', '300000', '1/3')
    """
    exact = Decimal(value.numerator) / Decimal(value.denominator)
    if Fraction(exact) != value:
        return str(value)
    return format(exact.normalize(), "f")


def _in_words(text: str, name: str) -> str | None:
    share = text.removesuffix("%").strip()
    if name in _SHARES and text.endswith("%") and _NUMBER.fullmatch(share) and "/" not in share:
        return f"did you mean {plain(Fraction(share) / 100)}?"
    return None


def _short(text: str) -> str:
    return text if len(text) <= 60 else f"{text[:57]}..."
