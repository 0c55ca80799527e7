"""Domains: the rack, the zone or whatever else a host is in, on one host or on columns of hosts."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from filtersched.columns.column import Column, NotVectorizable
from filtersched.columns.distinct_values import Codes
from filtersched.errors import InvalidRequest, shown
from filtersched.hosts.aggregate_metadata import split_values, zones
from filtersched.hosts.declared_items import Items, Name
from filtersched.hosts.host_rows import HostRows
from filtersched.hosts.host_values import Aggregate
from filtersched.hosts.row_changes import MISSING
from filtersched.requests.spread_rules import AGGREGATE, ZONE

#: What of a service says the zone of a host.
SERVICE_ZONE = Items("service", ("availability_zone",))
#: The aggregates themselves as domains.
AGGREGATES = "aggregate"
_ROWS = "rows by code"


def name_of(domain: Any) -> Any:
    """What a domain is known by: itself, or the name of an aggregate."""
    return domain.name if type(domain) is Aggregate else domain


class Alone(NamedTuple):
    """The domain of a host that is in no other."""

    host: str


class DomainKey(NamedTuple):
    """What hosts are told apart by: an attribute, `aggregate:KEY`, `zone`, or `aggregate`: the Aggregates."""

    name: str
    #: The zone of hosts that have none.
    default_zone: str = ""
    #: Whether a host in no domain is one of its own.
    alone: bool = False

    @property
    def reads(self) -> tuple[str, ...]:
        """The attributes of a host that say its domains."""
        return (*self._reads, "host") if self.alone else self._reads

    @property
    def _reads(self) -> tuple[str, ...]:
        if self.name == ZONE:
            return ("aggregates", SERVICE_ZONE.attribute)
        return ("aggregates",) if self.is_aggregate or self.name == AGGREGATES else (self.name,)

    @property
    def is_aggregate(self) -> bool:
        """Whether aggregates' metadata says the domains."""
        return self.name.startswith(AGGREGATE)

    @property
    def label(self) -> str:
        """What texts call the kind of domain."""
        return self.name.removeprefix(AGGREGATE)

    @property
    def names(self) -> tuple[Name, ...]:
        """The same, with the items that matter in the place of a service, which differs on each host."""
        return tuple([SERVICE_ZONE if name == SERVICE_ZONE.attribute else name for name in self.reads])

    def of(self, host: Any) -> tuple[Any, ...]:
        """The domains of a host, nearly always one; none if it has no value."""
        return self.of_values([getattr(host, name, None) for name in self.reads])

    def of_values(self, values: Sequence[Any]) -> tuple[Any, ...]:
        """The same of the attributes that it reads."""
        if self.alone:
            *others, host = values
            return self._replace(alone=False).of_values(others) or (Alone(host),)
        if self.name == ZONE:
            aggregates, service = values
            return tuple(sorted(zones(aggregates, service, self.default_zone)))
        if self.is_aggregate:
            return tuple(sorted(split_values(values[0], self.label) - {""}))
        value = values[0]
        if self.name == AGGREGATES:
            return tuple({one.name: one for one in value}.values())
        if value is None or value is MISSING or value == "" or value != value:
            return ()
        if not isinstance(value, str | int | float):
            raise InvalidRequest(
                f"hosts cannot be told apart by {self.name!r}, which is {shown(value)} on a host; only text and "
                "numbers are domains",
                field="spread",
                value=value,
            )
        return (value,)

    def of_codes(self, codes: Codes) -> list[tuple[Any, ...]]:
        """The domains of each code of the attributes that it reads; of codes that no row has anything."""
        return self._known(codes)[0]

    def codes_by_domain(self, codes: Codes) -> dict[Any, list[int]]:
        """The codes that are in each domain, by its name; by None those that are in none."""
        return self._known(codes)[1]

    def _known(self, codes: Codes) -> tuple[list[tuple[Any, ...]], dict[Any, list[int]]]:
        """Domains by code, and codes by domain, until the codes change."""
        stamp, each, places = codes.seen.get(self, (-1, [], {}))
        if stamp != codes.stamp:
            is_one = len(self.names) == 1
            each, places = [()] * len(codes.values), {}
            for code in codes.live():
                value = codes.values[code]
                each[code] = self.of_values((value,) if is_one else value)
                for domain in each[code] or (None,):
                    places.setdefault(name_of(domain), []).append(code)
            codes.keep(self, (codes.stamp, each, places))
        return each, places

    def shown(self, domain: Any) -> str:
        """A domain in a text."""
        return f"of host {domain.host!r} alone" if type(domain) is Alone else repr(domain)


class InDomains(NamedTuple):
    """The hosts in some domains."""

    key: DomainKey
    domains: Collection[Any]

    def rows(self, rows: HostRows) -> list[NDArray[np.intp]] | None:
        """Their rows, in several parts; None if that is not known without a look at each host."""
        if not self.domains:
            return []
        codes = rows.codes(self.key.names)
        if codes is None:
            return None
        places = self.key.codes_by_domain(codes)
        return [_rows_of_code(codes, code) for domain in self.domains for code in places.get(domain, ())]


def _rows_of_code(codes: Codes, code: int) -> NDArray[np.intp]:
    """The rows that have a code, cached."""
    of, stamp, known = codes.seen.get(_ROWS, (None, -1, {}))
    if of is not codes.codes or stamp != codes.stamp:
        known = {}
        codes.keep(_ROWS, (codes.codes, codes.stamp, known))
    rows: NDArray[np.intp] | None = known.get(code)
    if rows is None:
        rows = known[code] = np.flatnonzero(codes.codes == code)
    return rows


class Answer:
    """Answers for the domains of hosts: floats, whole numbers or truth values; equal only to itself."""

    __slots__ = ("_of_rows", "_start")

    def __init__(self, before: Answer | None = None, changed: Collection[Any] | None = None) -> None:
        """before, changed : the answers from before, and the names of the domains where they are others."""
        # The codes and their stamp that answers were computed for, and the answers: a column.
        self._of_rows: Any = None
        self._start: Any = (None, ()) if before is None or changed is None else (before._of_rows, changed)

    def of(self, domains: tuple[Any, ...]) -> Any:
        """The answer for a host in these domains."""
        raise NotImplementedError

    def table(self, key: DomainKey, codes: Codes) -> NDArray[Any]:
        """The answers for each code."""
        return np.array(list(map(self.of, key.of_codes(codes))))

    def column(self, key: DomainKey, codes: Codes) -> Column:
        """The answers of all hosts, cached; of earlier answers only those are computed that differ."""
        before, changed = self._start
        if not _is_of(self._of_rows, codes):
            if _is_of(before, codes):
                values = before[2].values.copy()
                each, places = key.of_codes(codes), key.codes_by_domain(codes)
                for code in {code for domain in changed for code in places.get(domain, ())}:
                    values[codes.codes == code] = self.of(each[code])
            else:
                values = self.table(key, codes).take(codes.codes)
            is_whole = values.dtype.kind == "i"
            column = Column(values, max_abs_int=float(abs(values).max(initial=0)) if is_whole else None)
            self._of_rows = (codes.codes, codes.stamp, column)
        found: Column = self._of_rows[2]
        return found


def _is_of(known: Any, codes: Codes) -> bool:
    return known is not None and known[0] is codes.codes and known[1] == codes.stamp


class Among(Answer):
    """Answers that are others in few domains."""

    __slots__ = ("_among", "_else", "_merge", "_outside")

    def __init__(
        self, among: Mapping[Any, Any], other: Any, outside: Any, merge: Callable[[Iterable[Any]], Any]
    ) -> None:
        """among : the answers of some domains; other : of all others; outside : of hosts in none.

        merge : combines the answers for all domains of a host into one.
        """
        super().__init__()
        self._among = among
        self._else = other
        self._outside = outside
        self._merge = merge

    def of(self, domains: tuple[Any, ...]) -> Any:
        return self._merge(self._among.get(one, self._else) for one in domains) if domains else self._outside

    def table(self, key: DomainKey, codes: Codes) -> NDArray[Any]:
        each, places = key.of_codes(codes), key.codes_by_domain(codes)
        table = np.full(len(codes.values), self._else, dtype=type(self._else))
        table[places.get(None, [])] = self._outside
        for domain in self._among:
            for code in places.get(domain, ()):
                table[code] = self.of(each[code])
        return table


class OfDomains(NamedTuple):
    """A look-up: the answer for the domains of a host."""

    key: DomainKey
    answer: Answer

    @property
    def attributes(self) -> tuple[str, ...]:
        """What it reads."""
        return self.key.reads

    def of(self, host: Any) -> Any:
        """The answer for one host."""
        return self.answer.of(self.key.of(host))

    def column(self, rows: HostRows) -> Column:
        """The answers of all hosts. Raises NotVectorizable."""
        codes = rows.codes(self.key.names)
        if codes is None:
            raise NotVectorizable
        return self.answer.column(self.key, codes)
