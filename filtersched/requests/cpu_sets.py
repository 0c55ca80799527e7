"""Sets of CPUs, by number: given as numbers, or as text such as `0-3,^2,8`."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from filtersched.requests.parts import items, whole_amount

#: More than any machine has; a range of text must not fill the memory.
MOST_CPUS = 100_000
_WHOLE = frozenset((int,))
_PIECE = re.compile(r"(?P<without>\^?)\s*(?P<first>\d{1,15})\s*(-\s*(?P<last>\d{1,15})\s*)?")


def cpu_set(value: Any) -> frozenset[int]:
    """The CPUs of a list of numbers or of text. Raises ValueError."""
    if value is None:
        return frozenset()
    if isinstance(value, str):
        return cpus_in(value)
    try:
        given = items(value)
        if set(map(type, given)) <= _WHOLE and (not given or (min(given) >= 0 and max(given) < MOST_CPUS)):
            return frozenset(given)
        return frozenset(map(_cpu, given))
    except ValueError:
        raise ValueError(f"a set of CPU numbers below {MOST_CPUS}") from None


def _cpu(value: Any) -> int:
    found = whole_amount(value)
    if found >= MOST_CPUS:
        raise ValueError("too large")
    return found


def cpus_in(text: str) -> frozenset[int]:
    """The CPUs of text such as `0-3,^2,8`: numbers and ranges, and with `^` those to leave out again."""
    found, without = set[int](), set[int]()
    for piece in filter(None, map(str.strip, text.split(","))):
        match = _PIECE.fullmatch(piece)
        if match is None:
            raise ValueError("CPU numbers and ranges such as 0-3,^2,8")
        first = int(match["first"])
        last = int(match["last"] or first)
        if last < first or last >= MOST_CPUS:
            raise ValueError(f"ranges of CPU numbers below {MOST_CPUS} such as 0-3")
        (without if match["without"] else found).update(range(first, last + 1))
    return frozenset(found - without)


def as_ranges(cpus: Iterable[int]) -> str:
    """The numbers as text such as `0-3,8`."""
    pieces: list[list[int]] = []
    for cpu in sorted(cpus):
        if pieces and cpu == pieces[-1][-1] + 1:
            pieces[-1][1:] = [cpu]
        else:
            pieces.append([cpu])
    return ",".join("-".join(map(str, piece)) for piece in pieces)
