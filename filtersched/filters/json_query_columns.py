"""Queries of JsonFilter on columns of hosts: the parts that all hosts answer at once.

Comparisons of numbers are comparisons of columns. Any other part that is about one attribute is
evaluated once for each distinct value of it. The rest is evaluated host by host.
"""

from __future__ import annotations

import functools
import json
import operator
from collections.abc import Callable, Iterable, Iterator, Mapping
from types import SimpleNamespace
from typing import Any

import numpy as np

from filtersched.columns.column import EXACT, HostColumns, NotVectorizable
from filtersched.plugins.columnar import filled, is_known, item, of_each

COMPARISONS: Mapping[str, Callable[[Any, Any], Any]] = {
    "=": operator.eq,
    "<": operator.lt,
    ">": operator.gt,
    "<=": operator.le,
    ">=": operator.ge,
}
_Evaluate = Callable[[Any], Any]


def holds(hosts: HostColumns, query: Any, evaluator: Callable[[Any], _Evaluate]) -> Any:
    """Whether a query is true, as the whole query of a request: a Column, or one answer for all hosts.

    evaluator : makes of a query what answers for one host.
    Raises NotVectorizable where columns cannot tell.
    """
    if isinstance(query, list) and query[:1] == ["not"] and _are_queries(query[1:]):
        return _any(np.logical_not(_truth(hosts, part, evaluator)) for part in query[1:])
    return _truth(hosts, query, evaluator)


def _truth(hosts: HostColumns, query: Any, evaluator: Callable[[Any], _Evaluate]) -> Any:
    """Whether a part of a query is true, as an argument of `and` and `or`."""
    name, arguments = query[0], query[1:]
    if name in ("and", "or") and _are_queries(arguments):
        parts = [_truth(hosts, part, evaluator) for part in arguments]
        return _any(parts) if name == "or" else _all(parts)
    if name in COMPARISONS and len(arguments) == 2:
        try:
            left, right = (_number(hosts, argument) for argument in arguments)
            known = is_known(left) & is_known(right)
            return known & COMPARISONS[name](filled(left, 0), filled(right, 0))
        except NotVectorizable:
            pass
    return _by_value(hosts, query, evaluator)


def _are_queries(arguments: Iterable[Any]) -> bool:
    return all(isinstance(argument, list) and argument for argument in arguments)


def _any(parts: Iterable[Any]) -> Any:
    return functools.reduce(operator.or_, parts, False)


def _all(parts: Iterable[Any]) -> Any:
    return functools.reduce(operator.and_, parts, True)


def _number(hosts: HostColumns, argument: Any) -> Any:
    """An argument as a number or a column of them."""
    if isinstance(argument, str) and argument.startswith("$"):
        name, *path = argument[1:].split(".")
        if not path:
            return getattr(hosts, name)
        if len(path) == 1:
            return item(hosts, name, path[0])
    if type(argument) in (int, float, bool) and -EXACT < argument < EXACT:
        return argument
    raise NotVectorizable


def _by_value(hosts: HostColumns, query: Any, evaluator: Callable[[Any], _Evaluate]) -> Any:
    """Whether a part about one attribute is true, evaluated once for each distinct value."""
    names = set(_names(query))
    if len(names) != 1:
        raise NotVectorizable
    return of_each(hosts, names.pop(), _evaluated, json.dumps(query), evaluator)


def _names(query: Any) -> Iterator[str]:
    """The attributes that a query is about."""
    for argument in query:
        if isinstance(argument, list):
            yield from _names(argument)
        elif isinstance(argument, str) and argument.startswith("$"):
            yield argument[1:].partition(".")[0]


def _evaluated(value: Any, query: str, evaluator: Callable[[Any], _Evaluate]) -> bool:
    name, evaluate = _prepared(query, evaluator)
    return bool(evaluate(SimpleNamespace(**{name: value})))


@functools.lru_cache(maxsize=256)
def _prepared(text: str, evaluator: Callable[[Any], _Evaluate]) -> tuple[str, _Evaluate]:
    query = json.loads(text)
    return next(_names(query)), evaluator(query)
