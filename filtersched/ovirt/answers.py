"""What units answer, repaired: nothing else than what the engine can read gets past here.

Each function takes a unit's raw answer and returns the usable part with sentences about what
was not usable. A raw answer that is of the wrong kind altogether is a UnitError.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from filtersched.ovirt.errors import UnitError
from filtersched.ovirt.wire import INT_MAX, INT_MIN, clamped

# What java.util.UUID.fromString takes.
_UUID = re.compile(r"[0-9a-fA-F]{1,8}(-[0-9a-fA-F]{1,4}){3}-[0-9a-fA-F]{1,12}")


def passed_hosts(raw: Any, hosts: Sequence[str]) -> list[str]:
    """Of the hosts asked about, those in a filter's answer, in the order asked."""
    if not isinstance(raw, list | tuple) or not all_text(raw):
        raise UnitError(f"answered {_short(raw)}, not a list of host ids")
    named = set(raw)
    return [host for host in hosts if host in named]


def scores(raw: Any, hosts: Sequence[str]) -> tuple[dict[str, int], list[str]]:
    """Host -> score of 32 bits; a host scored twice has the sum; unusable scores are left out."""
    pairs = list(raw.items()) if isinstance(raw, Mapping) else raw
    if not isinstance(pairs, list | tuple) or not all(_is_pair(pair) for pair in pairs):
        raise UnitError(f"answered {_short(raw)}, not a list of (host id, score) pairs")
    asked = set(hosts)
    sums: dict[str, int] = {}
    rounded, unusable = [], []
    for host, score in pairs:
        if host not in asked:
            continue
        number = _whole(score)
        if number is None:
            unusable.append(score)
            continue
        if type(score) is not int:
            rounded.append(score)
        sums[host] = sums.get(host, 0) + number
    said = []
    if unusable:
        said.append(f"{len(unusable)} scores are no numbers and count for nothing, such as {_short(unusable[0])}")
    if rounded:
        said.append(f"{len(rounded)} scores are no whole numbers and were rounded, such as {_short(rounded[0])}")
    return within_32_bits(sums, said), said


def _whole(score: Any) -> int | None:
    if isinstance(score, int):
        return int(score)
    if isinstance(score, float) and not math.isnan(score):
        return round(score) if math.isfinite(score) else (INT_MAX if score > 0 else INT_MIN)
    return None


def within_32_bits(numbers: Mapping[str, int], said: list[str]) -> dict[str, int]:
    """The same, each moved to the nearest integer of 32 bits; says so in `said` if that changed any."""
    outside = [number for number in numbers.values() if number != clamped(number)]
    if outside:
        said.append(f"{len(outside)} scores do not fit into 32 bits and were cut to the nearest that does")
    return {host: clamped(number) for host, number in numbers.items()}


def migration(raw: Any, hosts: Sequence[str]) -> tuple[str, list[str], list[str]]:
    """(VM, hosts it may move to, sentences) of a balancer's answer; ("", [], …) moves nothing."""
    pairs = list(raw.items()) if isinstance(raw, Mapping) else [raw]
    if not pairs or raw in ([], (), "", None):
        return "", [], []
    pair = pairs[0]
    if not _is_pair(pair) or not isinstance(pair[1], list | tuple) or not all_text(pair[1]):
        raise UnitError(f"answered {_short(raw)}, not (VM id, [host ids])")
    vm = pair[0].strip()
    if not vm:
        return "", [], []
    if not _UUID.fullmatch(vm):
        raise UnitError(f"answered VM {_short(vm)}, which is no UUID")
    said = [f"answered {len(pairs)} VMs, of which only the first is used"] if len(pairs) > 1 else []
    return vm, passed_hosts(pair[1], hosts), said


def intersection(hosts: Sequence[str], answers: Iterable[Iterable[str]]) -> list[str]:
    """The hosts that are in every answer, in the order asked."""
    left = set(hosts).intersection(*answers)
    return [host for host in hosts if host in left]


def total(weighted: Iterable[tuple[int, Mapping[str, int]]], hosts: Sequence[str], said: list[str]) -> dict[str, int]:
    """Host -> sum of factor x score, in the order asked; hosts that no unit scored are left out."""
    sums: dict[str, int] = {}
    for factor, scored in weighted:
        for host, score in scored.items():
            sums[host] = sums.get(host, 0) + factor * score
    return within_32_bits({host: sums[host] for host in hosts if host in sums}, said)


def all_text(items: Iterable[Any]) -> bool:
    """Whether every item is a str; a set of types is ten times faster than asking each."""
    return all(issubclass(kind, str) for kind in set(map(type, items)))


def _is_pair(pair: Any) -> bool:
    return isinstance(pair, list | tuple) and len(pair) == 2 and isinstance(pair[0], str)


def _short(value: Any) -> str:
    if isinstance(value, list | tuple | dict | set) and len(value) > 8:
        return f"a {type(value).__name__} of {len(value)}"
    text = repr(value)
    return text if len(text) <= 80 else f"{text[:77]}..."
