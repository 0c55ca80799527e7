"""JsonFilter: a query in the request, asked of each host."""

from __future__ import annotations

import functools
import json
import operator
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from filtersched.errors import InvalidRequest
from filtersched.filters.base import BaseHostFilter
from filtersched.hosts.host_state import HostState
from filtersched.requests.filter_properties import unwrapped
from filtersched.requests.request_spec import RequestSpec

# How deep a query may be nested: it is walked by functions that call themselves.
MAX_DEPTH = 100

# A text, also an unfinished one, or one bracket; possessive, so that no text takes long.
_TOKEN = re.compile(r'"(?:[^"\\]++|\\.)*+"?|[\[\]{}]', re.DOTALL)


class JsonFilter(BaseHostFilter):
    """Refuse hosts for which the JSON query in the hint ``query`` is not true.

    A query is `[operator, argument, …]`: `["and", [">=", "$free_ram_mb", 1024], ["=", "$topic", "compute"]]`.

    | argument                | value                                                                     |
    |-------------------------|---------------------------------------------------------------------------|
    | a list                  | the result of this query; `[]` is true                                    |
    | `"$name.key"`           | the host's attribute, or its item; removed if the host has none           |
    | `""`, null              | none: removed                                                             |
    | anything else           | itself                                                                    |

    | operator                | true if                                                                   |
    |-------------------------|---------------------------------------------------------------------------|
    | `=` `<` `>` `<=` `>=`   | it holds between the first argument and each of the others                |
    | `in`                    | the first argument equals one of the others                               |
    | `and` `or`              | all, or at least one, of the arguments are true                           |
    | `not`                   | a list with the opposite of each argument, true if it is not empty; as    |
    |                         | the whole query, true if one argument is false                            |

    A comparison with fewer than two remaining arguments is false. Without a query every host passes.
    """

    spec_reads = ("scheduler_hints",)

    def host_reads(self, spec: RequestSpec) -> tuple[str, ...]:
        query = _query_text(spec)
        try:
            # What is wrong with the query is said when a host is asked, and not before.
            names = {name for name, _path in _variables(_parsed(query))} if query else set()
        except InvalidRequest:
            return ()
        return tuple(sorted(name for name in names if _is_public(name)))

    def host_passes(self, host_state: HostState, spec: RequestSpec) -> bool:
        text = _query_text(spec)
        if not text:
            return True
        try:
            result = _evaluate(_parsed(text), host_state)
        except TypeError as problem:
            problem.add_note(f"in the query {_shortened(text)}")
            raise
        return any(result) if isinstance(result, list) else bool(result)

    def rejection_reason(self, host_state: HostState, spec: RequestSpec) -> str:
        text = _query_text(spec)
        said = []
        for name, path in dict.fromkeys(_variables(_parsed(text))):
            value = _look_up(host_state, name, path)
            variable = ".".join((f"${name}", *path))
            said.append(f"{variable} is {'unknown' if value is None else _shortened(repr(value))}")
        return f"the query {_shortened(text)} is not true" + (f": {', '.join(said)}" if said else "")


def _query_text(spec: RequestSpec) -> Any:
    return unwrapped(spec.scheduler_hints.get("query"))


def _shortened(text: str) -> str:
    return text if len(text) <= 200 else text[:200] + "…"


@functools.lru_cache(maxsize=64)
def _parsed_text(text: str) -> Any:
    depth = 0
    for token in _TOKEN.findall(text):
        depth += (token in ("[", "{")) - (token in ("]", "}"))
        if depth > MAX_DEPTH:
            raise _invalid(text, f"is nested more than {MAX_DEPTH} deep")
    try:
        query = json.loads(text)
    except ValueError as problem:
        raise _invalid(text, f"is not JSON: {problem}") from None
    _check_query(query, text)
    return query


def _parsed(text: Any) -> Any:
    """The query that `text` is. Raises InvalidRequest if it is none."""
    if not isinstance(text, str):
        raise _invalid(text, "must be one JSON text, such as '[\">=\", \"$free_ram_mb\", 1024]'")
    return _parsed_text(text)


def _invalid(text: Any, what: str) -> InvalidRequest:
    shown = _shortened(text if isinstance(text, str) else repr(text))
    return InvalidRequest(f"the hint query {what}: {shown}", field="scheduler_hints", value=text)


def _check_query(query: Any, text: str) -> None:
    if query in ([], {}):
        return
    if not isinstance(query, list):
        raise _invalid(text, f"must be a list that begins with an operator, not {_shortened(repr(query))}")
    if not isinstance(query[0], str) or query[0] not in _OPERATORS:
        raise _invalid(text, f"has {_shortened(repr(query[0]))} for an operator, known are {', '.join(_OPERATORS)}")
    for argument in query[1:]:
        if isinstance(argument, list):
            _check_query(argument, text)


def _evaluate(query: Any, host: HostState) -> Any:
    if not query:
        return True
    arguments = (_value(argument, host) for argument in query[1:])
    return _OPERATORS[query[0]]([argument for argument in arguments if argument is not None])


def _value(argument: Any, host: HostState) -> Any:
    """What an argument stands for; None if it is to be dropped."""
    if isinstance(argument, list):
        return _evaluate(argument, host)
    if isinstance(argument, str):
        if argument.startswith("$"):
            return _look_up(host, *_variable(argument))
        return argument or None
    return argument


def _variable(text: str) -> tuple[str, tuple[str, ...]]:
    """The attribute and the keys that `"$name.key.key"` names."""
    name, *path = text[1:].split(".")
    return name, tuple(path)


def _variables(query: Any) -> Iterator[tuple[str, tuple[str, ...]]]:
    """The variables of a query, in the order in which they stand there."""
    for argument in query[1:] if isinstance(query, list) else ():
        if isinstance(argument, list):
            yield from _variables(argument)
        elif isinstance(argument, str) and argument.startswith("$"):
            yield _variable(argument)


def _is_public(name: str) -> bool:
    """Whether hosts have attributes of this name; `limits` belong to a decision and not to the host."""
    return name.isidentifier() and not name.startswith("_") and name != "limits"


def _look_up(host: HostState, name: str, path: tuple[str, ...]) -> Any:
    found = getattr(host, name, None) if _is_public(name) else None
    if callable(found):
        return None
    for key in path:
        if found is None:
            return None
        if not isinstance(found, Mapping):
            raise InvalidRequest(
                f"the hint query asks for {key!r} in ${name}, which is {found!r} and has no keys",
                field="scheduler_hints",
                value=".".join((f"${name}", *path)),
            )
        found = found.get(key)
    return found


def _comparison(compare: Callable[[Any, Any], Any]) -> Callable[[list[Any]], bool]:
    def holds(arguments: list[Any]) -> bool:
        verdicts = [compare(arguments[0], other) for other in arguments[1:]]
        return len(verdicts) > 0 and all(verdicts)

    return holds


_OPERATORS: Mapping[str, Callable[[list[Any]], Any]] = {
    "=": _comparison(operator.eq),
    "<": _comparison(operator.lt),
    ">": _comparison(operator.gt),
    "in": lambda arguments: len(arguments) >= 2 and arguments[0] in arguments[1:],
    "<=": _comparison(operator.le),
    ">=": _comparison(operator.ge),
    "not": lambda arguments: [not argument for argument in arguments],
    "or": any,
    "and": all,
}
