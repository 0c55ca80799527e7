"""Domains: the rack, the zone or whatever else a host is in, on one host or on columns of hosts."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from filtersched.columns.column import Column, NotVectorizable
from filtersched.columns.distinct_values import Codes
from filtersched.errors import InvalidRequest, shown
from filtersched.hosts.aggregate_metadata import split_values, zones
from filtersched.hosts.declared_items import Items, Name
from filtersched.hosts.host_rows import HostRows
from filtersched.hosts.host_values import Aggregate
from filtersched.hosts.row_caches import MISSING
from filtersched.requests.spread_rules import AGGREGATE, ZONE

#: What of a service says the zone of a host.
SERVICE_ZONE = Items("service", ("availability_zone",))
#: The aggregates themselves as domains.
AGGREGATES = "aggregate"
_DOMAINS, _CODES, _ROWS, _OUTSIDE = "domains", "codes by domain", "rows by code", "codes outside"


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
        stamp, known = codes.seen.get((_DOMAINS, self), (-1, []))
        if stamp != codes.stamp:
            is_one = len(self.names) == 1
            known = [()] * len(codes.values)
            for code in codes.live():
                value = codes.values[code]
                known[code] = self.of_values((value,) if is_one else value)
            codes.seen[_DOMAINS, self] = (codes.stamp, known)
        return known  # type: ignore[no-any-return]

    def codes_outside(self, codes: Codes) -> list[int]:
        """The codes that are in no domain."""
        stamp, known = codes.seen.get((_OUTSIDE, self), (-1, []))
        if stamp != codes.stamp:
            known = [code for code, domains in enumerate(self.of_codes(codes)) if not domains]
            codes.seen[_OUTSIDE, self] = (codes.stamp, known)
        return known  # type: ignore[no-any-return]

    def shown(self, domain: Any) -> str:
        """A domain in a text."""
        return f"of host {domain.host!r} alone" if type(domain) is Alone else repr(domain)

    def codes_by_domain(self, codes: Codes) -> dict[Any, list[int]]:
        """The codes that are in each domain, by its name."""
        stamp, known = codes.seen.get((_CODES, self), (-1, {}))
        if stamp != codes.stamp:
            known = {}
            for code, domains in enumerate(self.of_codes(codes)):
                for domain in domains:
                    known.setdefault(name_of(domain), []).append(code)
            codes.seen[_CODES, self] = (codes.stamp, known)
        return known  # type: ignore[no-any-return]


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
        codes.seen[_ROWS] = (codes.codes, codes.stamp, known)
    rows: NDArray[np.intp] | None = known.get(code)
    if rows is None:
        rows = known[code] = np.flatnonzero(codes.codes == code)
    return rows


OfRows = tuple[NDArray[np.intp], int, Column]


class Answer(Protocol):
    """Answers for the domains of a host; equal only to itself.

    of_rows : for look-ups: the codes that answers were computed for, their stamp, and the answers.
    start : the same of earlier answers, and the names of the domains for which they are others.
    """

    of_rows: OfRows | None
    start: tuple[OfRows, Collection[Any]] | None

    def of(self, domains: tuple[Any, ...]) -> Any:
        """The answer for a host in these domains: a float, or a truth value."""


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
        known = self.answer.of_rows
        if known is not None and known[0] is codes.codes and known[1] == codes.stamp:
            return known[2]
        start = self.answer.start
        if start is not None and start[0][0] is codes.codes and start[0][1] == codes.stamp:
            column = self._continued(codes, *start)
        else:
            table = np.array(list(map(self.answer.of, self.key.of_codes(codes))))
            column = Column(table.take(codes.codes))
        self.answer.of_rows = (codes.codes, codes.stamp, column)
        return column

    def _continued(self, codes: Codes, before: OfRows, changed: Collection[Any]) -> Column:
        """Earlier answers, with those of some domains anew."""
        values = before[2].values.copy()
        each = self.key.of_codes(codes)
        places = self.key.codes_by_domain(codes)
        for code in {code for domain in changed for code in places.get(domain, ())}:
            values[codes.codes == code] = self.answer.of(each[code])
        return Column(values)
