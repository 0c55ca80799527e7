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

    def of_codes(self, codes: Codes) -> DomainsOfCodes:
        """The domains of the codes of the attributes that it reads, until the codes change."""
        known: DomainsOfCodes | None = codes.seen.get(self)
        if known is None or known.stamp != codes.stamp:
            is_one = len(self.names) == 1
            known = DomainsOfCodes(codes.stamp, [()] * len(codes.values), {}, {})
            for code in codes.live():
                value = codes.values[code]
                known.each[code] = self.of_values((value,) if is_one else value)
                for domain in known.each[code] or (None,):
                    known.places.setdefault(name_of(domain), []).append(code)
            codes.keep(self, known)
        return known

    def shown(self, domain: Any) -> str:
        """A domain in a text."""
        return f"of host {domain.host!r} alone" if type(domain) is Alone else repr(domain)


class DomainsOfCodes(NamedTuple):
    """Which code of hosts' attributes is in which domains.

    each : the domains by code; of codes that no row has anything.
    places : the codes by the name of the domain; by None those that are in none.
    rows : by code the rows that have it, where somebody asked.
    """

    stamp: int
    each: list[tuple[Any, ...]]
    places: dict[Any, list[int]]
    rows: dict[int, NDArray[np.intp]]


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
        known = self.key.of_codes(codes)
        found = [code for domain in self.domains for code in known.places.get(domain, ())]
        for code in found:
            if code not in known.rows:
                known.rows[code] = np.flatnonzero(codes.codes == code)
        return [known.rows[code] for code in found]


class _Table(NamedTuple):
    """The answer for each code, and with that the column, of codes with that stamp."""

    codes: Codes
    stamp: int
    answers: NDArray[Any]
    column: Column

    def is_of(self, codes: Codes) -> bool:
        return self.codes is codes and self.stamp == codes.stamp


class Answer:
    """Answers for the domains of hosts: floats, whole numbers or truth values; equal only to itself."""

    __slots__ = ("_before", "_changed", "_known")

    def __init__(self, before: Answer | None = None, changed: Collection[Any] | None = None) -> None:
        """before, changed : the answers from before, and the names of the domains where they are others."""
        self._known: _Table | None = None
        self._before = None if before is None or changed is None else before._known
        self._changed = changed or ()

    def of(self, domains: tuple[Any, ...]) -> Any:
        """The answer for a host in these domains."""
        raise NotImplementedError

    def table(self, known: DomainsOfCodes) -> NDArray[Any]:
        """The answers for each code."""
        return np.array(list(map(self.of, known.each)))

    def column(self, key: DomainKey, codes: Codes) -> Column:
        """The answers of all hosts, cached; of earlier answers only those are computed that differ."""
        if self._known is None or not self._known.is_of(codes):
            known = key.of_codes(codes)
            if self._before is not None and self._before.is_of(codes):
                answers = self._before.answers.copy()
                for domain in self._changed:
                    for code in known.places.get(domain, ()):
                        answers[code] = self.of(known.each[code])
            else:
                answers = self.table(known)
            numbers, largest = answers, None
            if answers.dtype.kind == "i":
                numbers, largest = answers.astype(np.float64), float(abs(answers).max(initial=0))
            self._known = _Table(codes, codes.stamp, answers, Column(numbers.take(codes.codes), None, largest))
        return self._known.column


class Among(Answer):
    """Answers that are others in few domains."""

    __slots__ = ("_among", "_else", "_merge", "_outside")

    def __init__(
        self,
        among: Mapping[Any, Any],
        other: Any,
        outside: Any,
        merge: Callable[[Iterable[Any]], Any],
        before: Answer | None = None,
        changed: Collection[Any] | None = None,
    ) -> None:
        """among : the answers of some domains; other : of all others; outside : of hosts in none.

        merge : combines the answers for all domains of a host into one.
        """
        super().__init__(before, changed)
        self._among = among
        self._else = other
        self._outside = outside
        self._merge = merge

    def of(self, domains: tuple[Any, ...]) -> Any:
        return self._merge(self._among.get(one, self._else) for one in domains) if domains else self._outside

    def table(self, known: DomainsOfCodes) -> NDArray[Any]:
        table = np.full(len(known.each), self._else, dtype=type(self._else))
        table[known.places.get(None, [])] = self._outside
        for domain, answer in self._among.items():
            for code in known.places.get(domain, ()):
                table[code] = answer if len(known.each[code]) == 1 else self.of(known.each[code])
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
