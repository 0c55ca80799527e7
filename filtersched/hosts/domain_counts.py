"""How many instances are in each domain, and which domains have room for one more."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Sequence
from typing import Any

from filtersched.hosts.domains import Among, Answer, DomainKey
from filtersched.hosts.host_state import HostState
from filtersched.requests.spread_rules import SpreadRule

_NO_LIMIT = math.inf


class DomainTally:
    """How many of some instances are in each domain of one kind."""

    def __init__(self, key: DomainKey, before: Iterable[HostState], *, follows: bool = True) -> None:
        """before : the hosts of those that were there before; those that the request places follow, if they count."""
        self.key = key
        self.follows = follows
        self._is_of_aggregates = key.is_aggregate and not key.alone
        self._of_aggregates: dict[int, tuple[Any, tuple[Any, ...]]] = {}
        self._before = Counter(domain for host in before for domain in self._domains_of(host))
        self._start_over()

    def _start_over(self) -> None:
        """Count what there was before the first instance."""
        self.counts: Counter[Any] = Counter(self._before)
        self._count = 0
        # The domains that got an instance since the last answers were made; None before the first.
        self._touched: set[Any] | None = None
        self._answer = Among({}, 0, 0, max)

    def _add(self, domain: Any) -> None:
        self.counts[domain] += 1
        if self._touched is not None:
            self._touched.add(domain)

    def near(self) -> Among:
        """How many there are in the fullest of a host's domains, until the next instance is counted."""
        if self._touched is None or self._touched:
            self._answer = Among(self.counts, 0, 0, max, self._answer, self._touched)
            self._touched = set()
        return self._answer

    def follow(self, placed: Sequence[HostState], count: int) -> None:
        """Count the first so many of the hosts that were chosen."""
        if not self.follows:
            return
        if count < self._count:
            self._start_over()
        for host in placed[self._count : count]:
            for domain in self._domains_of(host):
                self._add(domain)
        self._count = count

    def _domains_of(self, host: HostState) -> tuple[Any, ...]:
        if not self._is_of_aggregates:
            return self.key.of(host)
        # Hosts of the same aggregates share the tuple of them.
        aggregates = host.aggregates
        known = self._of_aggregates.get(id(aggregates))
        if known is None or known[0] is not aggregates:
            known = self._of_aggregates[id(aggregates)] = (aggregates, self.key.of(host))
        return known[1]


class DomainCounts(DomainTally):
    """How many of the counted instances are in each domain of one kind, and what a rule says to that."""

    def __init__(
        self,
        rule: SpreadRule,
        key: DomainKey,
        before: Iterable[HostState],
        domains: Collection[Any],
        placing: int,
    ) -> None:
        """before : the host of each instance; domains : those in which the request may place instances."""
        self._rule = rule
        self._domains = frozenset(domains)
        hosts = list(before)
        self._total = len(hosts) + placing
        super().__init__(key, hosts)
        named = rule.shares
        others = sum(1 for domain in domains if str(domain) not in named) or 1
        self._share_of_others = (100.0 - sum(named.values())) / others if named else 100.0 / (len(domains) or 1)
        self._fullness: tuple[int, Fullness] | None = None

    def _start_over(self) -> None:
        super()._start_over()
        for domain in self._domains:
            self.counts.setdefault(domain, 0)
        # How many of the domains have how many instances, and the least.
        self._having = Counter(self.counts[domain] for domain in self._domains)
        self._least = min(self._having, default=0)
        # Whether each domain has room, when so many instances were placed and with that least.
        self._has_room: dict[Any, bool] = {}
        self._room_at = self._room_when_least = -1
        # The domains that filled up since so many instances were placed; see filled_since.
        self._filled: tuple[int, Collection[Any]] | None = None

    def _add(self, domain: Any) -> None:
        count = self.counts[domain]
        super()._add(domain)
        if domain in self._domains:
            self._having[count] -= 1
            self._having[count + 1] += 1
            if count == self._least and not self._having[count]:
                self._least += 1

    def _share(self, domain: Any) -> float:
        """The per cent of all instances that a domain is to have."""
        return self._rule.shares.get(str(domain), self._share_of_others)

    def _most(self, domain: Any) -> float:
        """The most instances in a domain, whatever the other domains have."""
        rule = self._rule
        most: float = _NO_LIMIT if rule.max_per_domain is None else rule.max_per_domain
        return min(most, math.ceil(self._share(domain) * self._total / 100)) if rule.shares else most

    def limit(self, domain: Any) -> tuple[int, str]:
        """The most instances in a domain now, and what says so, for a sentence."""
        rule = self._rule
        limits: list[tuple[float, str]] = []
        if rule.max_per_domain is not None:
            limits.append((rule.max_per_domain, ""))
        if rule.max_skew is not None:
            said = f" (max_skew {rule.max_skew}, the emptiest has {self._least})"
            limits.append((self._least + rule.max_skew, said))
        if rule.shares:
            share = self._share(domain)
            limits.append((math.ceil(share * self._total / 100), f" ({share:g}% of {self._total})"))
        most, why = min(limits, key=lambda one: one[0])
        return int(most), why

    def room(self) -> Among:
        """Which domains have room for one more; the same object as before if they are the same."""
        if self._room_at != self._count:
            filled = self._update_room()
            if filled is None or filled:
                # A host in no domain passes only where nothing limits any.
                others, outside = self._share_of_others > 0, not self._rule.has_limit
                self._answer = Among(self._has_room, others, outside, all, self._answer, filled)
            self._filled = None if filled is None else (self._room_at, filled)
            self._room_at = self._count
        return self._answer

    def filled_since(self, count: int) -> Collection[Any] | None:
        """The domains that have no room any more since `count` instances were placed, where a rule has a limit.

        None if others may have room again.
        """
        self.room()
        return None if self._filled is None or self._filled[0] != count else self._filled[1]

    def _update_room(self) -> set[Any] | None:
        """Note which domains have room; returns those that have none any more, None if any may be other."""
        rule = self._rule
        most = _NO_LIMIT if rule.max_skew is None else self._least + rule.max_skew
        touched = self._touched if self._least == self._room_when_least else None
        asked = self.counts if touched is None else touched
        full = {domain for domain in asked if self.counts[domain] >= min(most, self._most(domain))}
        self._touched, self._room_when_least = set(), self._least
        if touched is None:
            self._has_room = {domain: domain not in full for domain in self.counts}
            return None
        # While the limit stays, domains only fill up.
        filled = {domain for domain in full if self._has_room.get(domain, True)}
        self._has_room.update(dict.fromkeys(filled, False))
        return filled

    def fullness(self) -> Fullness:
        """How full each domain would be with one more."""
        known = self._fullness
        if known is None or known[0] != self._count:
            self._fullness = known = (self._count, Fullness(self._fullness_of, self.counts))
        return known[1]

    def _fullness_of(self, domain: Any) -> float:
        # A share of nothing counts as the smallest that anybody writes.
        own = max(self._share(domain), 0.01) * self._total / 100
        return (self.counts[domain] + 1) / own


class Fullness(Answer):
    """How full domains are, as numbers for a weigher."""

    __slots__ = ("_each", "_other", "_outside")

    def __init__(self, each: Callable[[Any], float], domains: Iterable[Any]) -> None:
        super().__init__()
        self._other = each
        self._each = {domain: each(domain) for domain in domains}
        self._outside = max(self._each.values(), default=0.0) + 1.0

    def of(self, domains: tuple[Any, ...]) -> float:
        """The fullest of the domains of a host."""
        each = self._each
        if len(domains) == 1 and domains[0] in each:
            return each[domains[0]]
        return max((each[one] if one in each else self._other(one) for one in domains), default=self._outside)
