"""Numbers of Verilog: ``13``, ``4'b01_10``, ``8'shff``, ``'h1``, and ``4'b1?0?`` as ``casez`` has them."""

from __future__ import annotations

import re
from dataclasses import dataclass

__all__ = [
    "Number",
    "UNSIZED_WIDTH",
    "parse_number",
]

UNSIZED_WIDTH = 32
"""Bits of a number that does not say how many it has."""

_MAX_WIDTH = 1_000_000
_NUMBER = re.compile(r"([0-9_]*)'([sS]?)([bodhBODH])([0-9a-fA-FxXzZ?_]+)")
_RADIX = {"b": 2, "o": 8, "d": 10, "h": 16}
_DIGIT_BITS = {"b": 1, "o": 3, "h": 4}


@dataclass(frozen=True, slots=True)
class Number:
    """A number.

    Parameters
    ----------
    value
        Its bits, those that are x or z taken for 0.
    width
        How many bits it has.
    signed
        Whether it is in two's complement.
    sized
        Whether it says its width itself.
    unknown, floating
        Which of its bits are ``x``, and which are ``z`` or ``?``.
    """

    value: int
    width: int
    signed: bool
    sized: bool
    unknown: int = 0
    floating: int = 0


def parse_number(text: str) -> Number:
    """Return what a number says.

    Raises
    ------
    ValueError
        If it does not fit its width or has digits that its base has not.
    """
    if text.replace("_", "").isdigit():
        value = _decimal(text)
        if value >> (UNSIZED_WIDTH - 1):
            raise ValueError(
                f"the constant {text} does not fit {UNSIZED_WIDTH} bits; give its width"
            )
        return Number(value, UNSIZED_WIDTH, True, False)
    match = _NUMBER.fullmatch(text)
    if match is None:
        raise ValueError(f"expected a constant, got {text}")
    size, base, digits = match[1].replace("_", ""), match[3].lower(), match[4].replace("_", "")
    width = UNSIZED_WIDTH if not size else int(size) if len(size) < 8 else _MAX_WIDTH + 1
    if not 1 <= width <= _MAX_WIDTH:
        raise ValueError(f"the constant {text}: expected a width of 1 to {_MAX_WIDTH} bits")
    if base == "d":
        value, unknown, floating = _decimal_digits(digits, width)
    else:
        value, unknown, floating = _digits(digits, base, width)
    if value >> width:
        raise ValueError(f"the constant {text} does not fit its width")
    return Number(value, width, bool(match[2]), bool(size), unknown, floating)


def _decimal(digits: str) -> int:
    try:
        return int(digits.replace("_", ""))
    except ValueError:  # Python limits how many digits it reads
        raise ValueError(f"expected a constant, got one of {len(digits)} digits") from None


def _decimal_digits(digits: str, width: int) -> tuple[int, int, int]:
    if digits.lower() == "x":
        return 0, (1 << width) - 1, 0
    if digits.lower() in ("z", "?"):
        return 0, 0, (1 << width) - 1
    if not digits.isdigit():
        raise ValueError(f"expected a constant, got the decimal digits {digits}")
    return _decimal(digits), 0, 0


def _digits(digits: str, base: str, width: int) -> tuple[int, int, int]:
    """Return value, unknown and floating bits; a first x or z fills what is left of it."""
    step, digit_ones = _DIGIT_BITS[base], (1 << _DIGIT_BITS[base]) - 1
    masks = [
        "".join(f"{digit_ones:x}" if digit in kind else "0" for digit in digits)
        for kind in ("xX", "zZ?")
    ]
    plain = re.sub(r"[xXzZ?]", "0", digits)
    try:
        value = int(plain, _RADIX[base])
    except ValueError:
        raise ValueError(f"expected digits of base {_RADIX[base]}, got {digits}") from None
    unknown, floating = (int(mask, 1 << step) for mask in masks)
    if digits[0] in "xXzZ?":
        rest = ((1 << width) - 1) & ~((1 << min(width, step * len(digits))) - 1)
        if digits[0] in "xX":
            unknown |= rest
        else:
            floating |= rest
    ones = (1 << width) - 1  # a digit may say x or z of more bits than there are
    return value, unknown & ones, floating & ones
