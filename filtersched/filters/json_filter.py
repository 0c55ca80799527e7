"""JsonFilter: a query in the request, asked of each host."""

from __future__ import annotations

import functools
import json
import re
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any, ClassVar, NamedTuple

from oslo_config import cfg

from filtersched.columns.column import HostColumns
from filtersched.errors import InvalidRequest, shown
from filtersched.filters.base import BaseHostFilter
from filtersched.filters.json_query_columns import COMPARISONS, holds
from filtersched.hosts.host_state import HostState
from filtersched.requests.filter_properties import unwrapped
from filtersched.requests.request_spec import RequestSpec

# How deep a query may be nested: it is walked by functions that call themselves.
MAX_DEPTH = 100
# Values that are no methods and look the same in a query.
_PLAIN = frozenset((int, float, str, bool))
# How many variables a reason shows.
_SHOWN_VARIABLES = 10

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

    spec_reads: ClassVar[Sequence[str]] = ("scheduler_hints.query",)
    columnar = True
    reason_is_text = True
    options: ClassVar[Sequence[cfg.Opt]] = (
        cfg.IntOpt(
            "json_query_max_length",
            default=10_000,
            min=1,
            help="The most characters that a query of JsonFilter may have. A request with a longer one is refused.",
        ),
        cfg.IntOpt(
            "json_query_max_terms",
            default=100,
            min=1,
            help="The most terms, operators and variables, that a query of JsonFilter may have. Every host takes time "
            "for every term. A request with more terms is refused.",
        ),
    )

    def host_reads(self, spec: RequestSpec) -> tuple[str, ...]:
        try:
            query = self._query(spec)
        except InvalidRequest:
            # A host is asked first, and then what is wrong with the query is said.
            return ()
        return tuple(sorted({name for name, _path in query.variables if _is_public(name)})) if query else ()

    def host_passes(self, host_state: HostState, spec: RequestSpec) -> Any:
        query = self._query(spec)
        if query is None:
            return True
        if isinstance(host_state, HostColumns):
            return query.on_columns(host_state)
        try:
            result = query.evaluate(host_state)
        except TypeError as problem:
            raise _invalid(_query_text(spec), f"compares what has no order ({problem})") from None
        return any(result) if isinstance(result, list) else bool(result)

    def rejection_reason(self, host_state: HostState, spec: RequestSpec) -> str | None:
        query = self._query(spec)
        if query is None:
            return None
        said = []
        for name, path in query.variables[:_SHOWN_VARIABLES]:
            value = _variable(name, path)(host_state)
            variable = ".".join((f"${name}", *path))
            said.append(f"{_shortened(variable)} is {'unknown' if value is None else shown(value)}")
        more = len(query.variables) - _SHOWN_VARIABLES
        if more > 0:
            said.append(f"and {more} more variables")
        return f"the query {_shortened(_query_text(spec))} is not true" + (f": {', '.join(said)}" if said else "")

    def _query(self, spec: RequestSpec) -> _Query | None:
        """The query of the request, if it has one. Raises InvalidRequest for one that cannot be."""
        text = _query_text(spec)
        if not text:
            return None
        if not isinstance(text, str):
            raise _invalid(text, 'must be one JSON text, such as \'[">=", "$free_ram_mb", 1024]\'')
        self._check_most("json_query_max_length", "characters", len(text), text)
        query = _compiled(text)
        self._check_most("json_query_max_terms", "terms", query.terms, text)
        return query

    def _check_most(self, option: str, what: str, count: int, text: str) -> None:
        most = self.option(option)
        if count > most:
            group, name = self.spelling(option)
            raise _invalid(text, f"has {count} {what}, at most {most} are allowed ([{group}] {name})")


_Value = Callable[[HostState], Any]


class _Query(NamedTuple):
    """A query made ready: what it says of a host, its different variables in order, and how many terms it has.

    on_columns : what it says of columns of hosts.
    """

    evaluate: _Value
    variables: tuple[tuple[str, tuple[str, ...]], ...]
    terms: int
    on_columns: Callable[[HostColumns], Any]


def _query_text(spec: RequestSpec) -> Any:
    return unwrapped(spec.scheduler_hints.get("query"))


def _shortened(text: str) -> str:
    return text if len(text) <= 200 else text[:200] + "…"


@functools.lru_cache(maxsize=64)
def _compiled(text: str) -> _Query:
    depth = 0
    for token in _TOKEN.findall(text):
        depth += (token in ("[", "{")) - (token in ("]", "}"))
        if depth > MAX_DEPTH:
            raise _invalid(text, f"is nested more than {MAX_DEPTH} deep")
    try:
        query = json.loads(text)
    except ValueError as problem:
        raise _invalid(text, f"is not JSON: {problem}") from None
    if query in ([], {}):
        return _Query(lambda _host: True, (), 0, lambda _hosts: True)
    variables: list[tuple[str, tuple[str, ...]]] = []
    _check_query(query, text)
    evaluate, terms = _evaluator(query, variables)
    on_columns = functools.partial(_holds_on_columns, query)
    return _Query(evaluate, tuple(dict.fromkeys(variables)), terms, on_columns)


def _holds_on_columns(query: Any, hosts: HostColumns) -> Any:
    return holds(hosts, query, _alone)


def _alone(query: Any) -> _Value:
    """What a part of a query says of a host."""
    return _evaluator(query, [])[0]


def _invalid(text: Any, what: str) -> InvalidRequest:
    said = _shortened(text) if isinstance(text, str) else shown(text)
    return InvalidRequest(f"the hint query {what}: {said}", field="scheduler_hints", value=text)


def _check_query(query: Any, text: str) -> None:
    if query == []:
        return
    if not isinstance(query, list):
        raise _invalid(text, f"must be a list that begins with an operator, not {shown(query)}")
    if not isinstance(query[0], str) or query[0] not in _OPERATORS:
        raise _invalid(text, f"has {shown(query[0])} for an operator, known are {', '.join(_OPERATORS)}")
    for argument in query[1:]:
        if isinstance(argument, list):
            _check_query(argument, text)


def _evaluator(argument: Any, variables: list[tuple[str, tuple[str, ...]]]) -> tuple[_Value, int]:
    """What an argument stands for on a host, None if it is to be dropped; and how many terms it has."""
    if isinstance(argument, list):
        if not argument:
            return (lambda _host: True), 1
        parts = [_evaluator(part, variables) for part in argument[1:]]
        return _operation(argument[0], [value for value, _terms in parts]), 1 + sum(terms for _value, terms in parts)
    if isinstance(argument, str) and argument.startswith("$"):
        name, *path = argument[1:].split(".")
        variables.append((name, tuple(path)))
        return _variable(name, tuple(path)), 1
    constant = None if argument == "" else argument
    return (lambda _host: constant), 0


def _operation(name: str, values: Sequence[_Value]) -> _Value:
    """What an operator gives for the values that are known on a host."""
    if name in COMPARISONS and len(values) == 2:
        return _comparison_of_two(COMPARISONS[name], *values)
    compute = _OPERATORS[name]
    return lambda host: compute([found for value in values if (found := value(host)) is not None])


def _comparison_of_two(compare: Callable[[Any, Any], Any], left: _Value, right: _Value) -> _Value:
    def holds(host: HostState) -> bool:
        first, second = left(host), right(host)
        return first is not None and second is not None and bool(compare(first, second))

    return holds


def _is_public(name: str) -> bool:
    """Whether hosts have attributes of this name; `limits` belong to a decision and not to the host."""
    return name.isidentifier() and not name.startswith("_") and name != "limits"


def _variable(name: str, path: tuple[str, ...]) -> _Value:
    """The value of `$name.path` on a host, times as ISO text; None where it has none."""
    if not _is_public(name):
        return lambda _host: None

    def look_up(host: HostState) -> Any:
        found = getattr(host, name, None)
        if type(found) in _PLAIN:
            return found if not path else _item(name, path, found)
        if callable(found):
            return None
        if path:
            found = _item(name, path, found)
        return found.isoformat() if isinstance(found, datetime) else found

    return look_up


def _item(name: str, path: tuple[str, ...], found: Any) -> Any:
    for key in path:
        if found is None:
            return None
        if not isinstance(found, Mapping):
            raise InvalidRequest(
                f"the hint query asks for {key!r} in ${name}, which is {shown(found)} and has no keys",
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
    **{name: _comparison(compare) for name, compare in COMPARISONS.items()},
    "in": lambda arguments: len(arguments) >= 2 and arguments[0] in arguments[1:],
    "not": lambda arguments: [not argument for argument in arguments],
    "or": any,
    "and": all,
}
