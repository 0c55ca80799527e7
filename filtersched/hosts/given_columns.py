"""Checking the columns that a pool is made of instead of objects."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from filtersched.errors import InvalidHost, must_be
from filtersched.hosts.host_attribute import Declared, HostAttribute, checked, unknown_attribute


def checked_columns(
    host_class: type[Declared], names: Sequence[str], nodenames: Sequence[str] | None, columns: Mapping[str, Any]
) -> dict[str, Sequence[Any]]:
    """The columns by attribute, `host` and `nodename` among them, as hosts of the class would have them.

    Numbers in arrays are checked all at once, other values once for each object. Raises InvalidHost
    for an unknown attribute, a wrong length, two rows of one name, and what a host cannot have.
    """
    table = host_class.attributes
    hosts = _listed("host", names)
    nodes = hosts if nodenames is None else _listed("nodename", nodenames)
    given: dict[str, Sequence[Any]] = {"host": _checked(table["host"], hosts, hosts)}
    given["nodename"] = _checked(table["nodename"], nodes, hosts)
    if len(set(zip(hosts, nodes, strict=False))) < len(hosts):
        twice = next(key for key, count in Counter(zip(hosts, nodes, strict=False)).items() if count > 1)
        raise InvalidHost(f"host {twice[0]!r}, node {twice[1]!r}: there is one of that name in the pool", host=twice[0])
    for attribute, values in columns.items():
        if attribute not in table or attribute in given:
            raise unknown_attribute(host_class, attribute)
        given[attribute] = _checked(table[attribute], values, hosts)
    for attribute, declared in table.items():
        if declared.is_required and attribute not in given:
            raise InvalidHost(f"a {host_class.__name__} needs {attribute!r}", attribute=attribute)
    for attribute, values in given.items():
        if len(values) != len(hosts):
            raise InvalidHost(
                f"{attribute}: {len(values)} values for {len(hosts)} hosts", attribute=attribute, value=len(values)
            )
    return given


def _listed(attribute: str, values: Any) -> list[Any]:
    listed = values.tolist() if isinstance(values, np.ndarray) else values
    # A table of columns would be taken for its names, and a set has no order.
    if isinstance(listed, str | bytes | Mapping | set | frozenset) or not isinstance(listed, Iterable):
        problem = must_be(attribute, "a column, one value for each host", values)
        raise InvalidHost(problem, attribute=attribute, value=values)
    return list(listed)


def _checked(attribute: HostAttribute, values: Any, hosts: Sequence[str]) -> Sequence[Any]:
    def value_of(row: int, value: Any) -> Any:
        return checked(attribute.check, hosts[row] if row < len(hosts) else None, attribute.name, value)

    if isinstance(values, np.ndarray) and values.ndim == 1 and values.dtype.kind in attribute.kind.array_kinds:
        wrong = np.flatnonzero(~np.isfinite(values))
        ends = [*wrong[:1].tolist(), int(np.argmin(values)), int(np.argmax(values))] if len(values) else []
        found = [(value_of(row, value), value) for row in ends for value in [values[row].item()]]
        # A check that changes some of the numbers, such as a ratio of zero, changes the least of them.
        if all(type(kept) is type(value) and kept == value for kept, value in found):
            # A private copy: the caller may go on using the array.
            own: Any = values.copy()
            return own  # type: ignore[no-any-return]
    listed = _listed(attribute.name, values)
    known: dict[int, Any] = {}
    for row, value in enumerate(listed):
        if id(value) not in known:
            known[id(value)] = value_of(row, value)
    return [known[id(value)] for value in listed]
