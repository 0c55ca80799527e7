"""Checking the columns that a pool is made of instead of objects."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from filtersched.errors import InvalidHost, must_be, nearest
from filtersched.hosts.host_values import CHECKS, RATIOS, checked


def checked_columns(
    names: Sequence[str], nodenames: Sequence[str] | None, columns: Mapping[str, Any]
) -> dict[str, Sequence[Any]]:
    """The columns by attribute, `host` and `nodename` among them, as HostState would have them.

    Numbers in arrays are checked all at once, other values once for each object. Raises InvalidHost
    for an unknown attribute, a wrong length, two rows of one name, and what a host cannot have.
    """
    hosts = _listed("host", names)
    nodes = hosts if nodenames is None else _listed("nodename", nodenames)
    given: dict[str, Sequence[Any]] = {"host": _checked("host", hosts, hosts)}
    given["nodename"] = _checked("nodename", nodes, hosts)
    if len(set(zip(hosts, nodes, strict=False))) < len(hosts):
        seen: set[Any] = set()
        twice = next(key for key in zip(hosts, nodes, strict=False) if key in seen or seen.add(key))  # type: ignore[func-returns-value]
        raise InvalidHost(
            f"host {twice[0]!r}, node {twice[1]!r}: there is one of that name in the pool", host=twice[0]
        )
    for attribute, values in columns.items():
        if attribute not in CHECKS or attribute in ("host", "nodename"):
            raise InvalidHost(
                f"{attribute!r} is not an attribute of HostState. {nearest(attribute, CHECKS)}".rstrip(),
                attribute=attribute,
            )
        given[attribute] = _checked(attribute, values, hosts)
    for attribute, values in given.items():
        if len(values) != len(hosts):
            raise InvalidHost(
                f"{attribute}: {len(values)} values for {len(hosts)} hosts", attribute=attribute, value=len(values)
            )
    return given


def _listed(attribute: str, values: Any) -> list[Any]:
    listed = values.tolist() if isinstance(values, np.ndarray) else values
    if isinstance(listed, str | bytes) or not isinstance(listed, Iterable):
        problem = must_be(attribute, "a column, one value for each host", values)
        raise InvalidHost(problem, attribute=attribute, value=values)
    return list(listed)


def _checked(attribute: str, values: Any, hosts: Sequence[str]) -> Sequence[Any]:
    if isinstance(values, np.ndarray) and values.dtype.kind in "iuf" and values.ndim == 1:
        if len(values):
            wrong = np.flatnonzero(~np.isfinite(values))
            suspects = [*wrong[:1].tolist(), int(np.argmin(values)), int(np.argmax(values))]
            for row in suspects:
                checked(hosts[row] if row < len(hosts) else None, attribute, values[row].item())
        if attribute in RATIOS and not values.all():
            return [checked(None, attribute, value) for value in values.tolist()]
        # A copy of its own: the caller may go on using the array.
        own: Any = values.copy()
        return own  # type: ignore[no-any-return]
    listed = _listed(attribute, values)
    known: dict[int, Any] = {}
    for row, value in enumerate(listed):
        if id(value) not in known:
            known[id(value)] = checked(hosts[row] if row < len(hosts) else None, attribute, value)
    return [known[id(value)] for value in listed]
