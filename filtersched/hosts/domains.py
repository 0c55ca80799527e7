"""Domains: the rack, the zone or whatever else a host is in, on one host or on columns of hosts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from filtersched.columns.column import Column, NotVectorizable
from filtersched.columns.distinct_values import Codes
from filtersched.errors import InvalidRequest, shown
from filtersched.hosts.aggregate_metadata import split_values, zones
from filtersched.hosts.host_rows import HostRows
from filtersched.hosts.row_caches import MISSING
from filtersched.requests.spread_rules import AGGREGATE, ZONE

_DOMAINS = "domains"


class DomainKey(NamedTuple):
    """What hosts are told apart by: an attribute, `aggregate:KEY`, or `zone`."""

    name: str
    #: The zone of hosts that have none.
    default_zone: str = ""

    @property
    def reads(self) -> tuple[str, ...]:
        """The attributes of a host that say its domains."""
        if self.name == ZONE:
            return ("aggregates", "service")
        return ("aggregates",) if self.is_aggregate else (self.name,)

    @property
    def is_aggregate(self) -> bool:
        """Whether aggregates' metadata says the domains."""
        return self.name.startswith(AGGREGATE)

    @property
    def label(self) -> str:
        """What texts call the kind of domain."""
        return self.name.removeprefix(AGGREGATE)

    def of(self, host: Any) -> tuple[Any, ...]:
        """The domains of a host, nearly always one; none if it has no value."""
        return self.of_values([getattr(host, name, None) for name in self.reads])

    def of_values(self, values: Sequence[Any]) -> tuple[Any, ...]:
        """The same of the attributes that it reads."""
        if self.name == ZONE:
            aggregates, service = values
            return tuple(sorted(zones(aggregates, service, self.default_zone)))
        if self.is_aggregate:
            return tuple(sorted(split_values(values[0], self.label) - {""}))
        value = values[0]
        if value is None or value is MISSING or value == "" or value != value:
            return ()
        if not isinstance(value, str | int | float):
            raise InvalidRequest(
                f"{self.name} of a host is {shown(value)}; only text and numbers can be domains to spread over",
                field=self.name,
                value=value,
            )
        return (value,)

    def of_codes(self, codes: Codes) -> list[tuple[Any, ...]]:
        """The domains of each code of the attributes that it reads; of codes that no row has anything."""
        stamp, known = codes.seen.get((_DOMAINS, self), (-1, []))
        if stamp != codes.stamp:
            is_one = len(self.reads) == 1
            known = [()] * len(codes.values)
            for code in codes.live():
                value = codes.values[code]
                known[code] = self.of_values((value,) if is_one else value)
            codes.seen[_DOMAINS, self] = (codes.stamp, known)
        return known  # type: ignore[no-any-return]


class Answer(Protocol):
    """Answers for the domains of a host; equal only to itself.

    of_rows : for look-ups: the codes that answers were computed for, their stamp, and the answers.
    """

    of_rows: tuple[NDArray[np.intp], int, Column] | None

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
        codes = rows.codes(self.attributes)
        if codes is None:
            raise NotVectorizable
        known = self.answer.of_rows
        if known is not None and known[0] is codes.codes and known[1] == codes.stamp:
            return known[2]
        table = np.array(list(map(self.answer.of, self.key.of_codes(codes))))
        column = Column(table.take(codes.codes))
        self.answer.of_rows = (codes.codes, codes.stamp, column)
        return column
