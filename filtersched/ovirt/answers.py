"""What units answer, repaired: nothing else than what the engine can read gets past here.

Each function takes a unit's raw answer and returns the usable part with notes for the log. A raw
answer that is of the wrong kind, or has nothing usable, is a UnitError.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from filtersched.ovirt.errors import UnitError
from filtersched.ovirt.wire import INT_MAX, INT_MIN, clamped

# What java.util.UUID.fromString takes.
UUID = re.compile(r"[0-9a-fA-F]{1,8}(-[0-9a-fA-F]{1,4}){3}-[0-9a-fA-F]{1,12}")


def passed_hosts(raw: Any, hosts: Sequence[str]) -> tuple[list[str], list[str]]:
    """The hosts of the call that are in a filter's answer, in the call's order."""
    if not isinstance(raw, list | tuple) or not all_text(raw):
        raise UnitError(f"answered {_short(raw)}, not a list of host ids")
    named = set(raw)
    passed = list(filter(named.__contains__, hosts))
    if len(passed) == len(named):
        return passed, []
    unasked = _unasked(named.difference(hosts))
    if not passed:
        raise UnitError(f"answered only with {unasked}")
    return passed, [f"{unasked} are left out"]


def scores(raw: Any, hosts: Sequence[str], cost_scale: int) -> tuple[dict[str, int], list[str], bool]:
    """A score of 32 bits for every host of the call, and whether the unit gave any of them.

    A host scored twice has the sum. The engine takes a missing score for 0, its best, so a host
    without one has the worst that the unit gave, or `cost_scale` if it gave none.
    """
    pairs = list(raw.items()) if isinstance(raw, Mapping) else raw
    if not isinstance(pairs, list | tuple) or not all(_is_pair(pair) for pair in pairs):
        raise UnitError(f"answered {_short(raw)}, not a list of (host id, score) pairs")
    asked = set(hosts)
    numbers = [(host, score, _whole(score)) for host, score in pairs if host in asked]
    sums: dict[str, int] = {}
    for host, _score, number in numbers:
        if number is not None:
            sums[host] = sums.get(host, 0) + number
    notes = [f"{_unasked(unasked)} are left out"] if (unasked := {host for host, _score in pairs} - asked) else []
    for problem, scored in (
        ("are no numbers", [score for _host, score, number in numbers if number is None]),
        ("are no whole numbers and are rounded", [score for _, score, whole in numbers if whole not in (score, None)]),
        ("do not fit into 32 bits and become the nearest that does", [n for n in sums.values() if n != clamped(n)]),
    ):
        if scored:
            notes.append(f"{len(scored)} scores {problem}, such as {_short(scored[0])}")
    worst = clamped(max(sums.values(), default=cost_scale))
    if missing := len(asked) - len(sums):
        notes.append(f"{missing} of {len(asked)} hosts have no score and get {worst}, the worst")
    return {host: clamped(sums.get(host, worst)) for host in hosts}, notes, bool(sums) or not pairs


def _whole(score: Any) -> int | None:
    if isinstance(score, int):
        return int(score)
    if isinstance(score, float) and not math.isnan(score):
        return round(score) if math.isfinite(score) else (INT_MAX if score > 0 else INT_MIN)
    return None


def migration(raw: Any, hosts: Sequence[str]) -> tuple[tuple[str, list[str]], list[str]]:
    """(VM, hosts it may move to) of a balancer's answer; ("", []) moves nothing."""
    pairs = list(raw.items()) if isinstance(raw, Mapping) else [raw]
    if not pairs or raw in ([], (), "", None):
        return ("", []), []
    pair = pairs[0]
    if not _is_pair(pair) or not isinstance(pair[1], list | tuple) or not all_text(pair[1]):
        raise UnitError(f"answered {_short(raw)}, not (VM id, [host ids])")
    vm = pair[0].strip()
    if not vm:
        return ("", []), []
    if not UUID.fullmatch(vm):
        raise UnitError(f"answered VM {_short(vm)}, which is no UUID")
    targets, notes = passed_hosts(pair[1], hosts)
    if len(pairs) > 1:
        notes.append(f"answered {len(pairs)} VMs, of which only the first is used")
    return (vm, targets), notes


def total(weighted: Iterable[tuple[int, Mapping[str, int]]], hosts: Sequence[str]) -> dict[str, int]:
    """Host -> sum of factor x score, of 32 bits, in the order asked."""
    sums: dict[str, int] = {}
    for factor, scored in weighted:
        for host, score in scored.items():
            sums[host] = sums.get(host, 0) + factor * score
    return {host: clamped(sums[host]) for host in hosts if host in sums}


def all_text(items: Iterable[Any]) -> bool:
    """Whether every item is a str; a set of types is ten times faster than asking each."""
    return all(issubclass(kind, str) for kind in set(map(type, items)))


def _is_pair(pair: Any) -> bool:
    return isinstance(pair, list | tuple) and len(pair) == 2 and isinstance(pair[0], str)


def _unasked(ids: set[str]) -> str:
    return f"{len(ids)} ids that are not in the call, such as {_short(min(ids))}"


def _short(value: Any) -> str:
    if isinstance(value, list | tuple | dict | set) and len(value) > 8:
        return f"a {type(value).__name__} of {len(value)}"
    text = repr(value)
    return text if len(text) <= 80 else f"{text[:77]}..."
