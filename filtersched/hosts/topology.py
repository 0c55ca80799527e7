"""Topology: in which domains the instances are that a request's spread rules count.

Counted are the members of the request's group, or else the instances of its project; in both cases with
what the request itself has placed so far, and without the instances that it is about to place or move.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from typing import Any

import numpy as np

from filtersched.columns.column import Column, NotVectorizable
from filtersched.errors import InvalidRequest, nearest
from filtersched.hosts.domains import DomainKey, OfDomains
from filtersched.hosts.host_pool import HostPool
from filtersched.hosts.host_state import HostState
from filtersched.hosts.look_ups import InstancesWith, asked
from filtersched.hosts.narrowing import permitted_by
from filtersched.requests.request_spec import RequestSpec
from filtersched.requests.spread_rules import AGGREGATE, ZONE, SpreadRule

_NO_LIMIT = math.inf


class Placements:
    """Where the instances are that count for a request: those from before, and those that it has placed so far.

    There is one for each instance of the request. They share all but the number of hosts that were chosen
    before.
    """

    __slots__ = ("_count", "_journal")

    def __init__(self, journal: _Journal, count: int = 0) -> None:
        self._journal = journal
        self._count = count

    @classmethod
    def of_request(
        cls,
        spec: RequestSpec,
        hosts: HostPool | Sequence[HostState],
        uuids: Collection[str],
        rules: Sequence[SpreadRule],
        *,
        total: int,
    ) -> Placements:
        """Those of a request before its first instance is placed.

        spec : with its group complete.
        uuids : the instances that are about to be placed, which count on no host.
        total : how many the request places in all.
        """
        return cls(_Journal(_Facts(spec, hosts, frozenset(uuids), tuple(rules), total)))

    def with_host(self, host: HostState) -> Placements:
        """The same with one more instance, placed on this host."""
        journal = self._journal
        if len(journal.placed) != self._count:
            # Another attempt at the decision went on from here.
            journal = _Journal(journal.facts, journal.placed[: self._count])
        journal.placed.append(host)
        return Placements(journal, self._count + 1)

    def member_hosts(self) -> tuple[HostState, ...]:
        """The hosts of the group's members, one entry per member; see RequestSpec."""
        facts = self._journal.facts
        return (*facts.members(), *self._journal.placed[: self._count]) if facts.has_group else ()

    def topology(self) -> Topology | None:
        """What the request's spread rules need; None if it has none."""
        return Topology(self._journal, self._count) if self._journal.facts.rules else None


class Topology:
    """The spread rules of a request, and how many of the counted instances are in which domain."""

    __slots__ = ("_count", "_journal")

    def __init__(self, journal: _Journal, count: int) -> None:
        self._journal = journal
        self._count = count

    @property
    def rules(self) -> tuple[SpreadRule, ...]:
        """The rules, in the order of group, flavor and hints."""
        return self._journal.facts.rules

    @property
    def host_reads(self) -> tuple[str, ...]:
        """The attributes of hosts that say their domains."""
        return self._journal.facts.host_reads

    def has_room(self, host: Any, rule: SpreadRule, default_zone: str) -> Any:
        """Whether the domain of a host, or of each of columns of hosts, has room for one more."""
        counts = self._counts(rule, default_zone)
        return asked(host, OfDomains(counts.key, counts.room()))

    def fullness(self, host: Any, rule: SpreadRule, default_zone: str) -> Any:
        """How many instances the domain would have, as a part of the share that is its own; likewise.

        A host in no domain is fuller than any other.
        """
        counts = self._counts(rule, default_zone)
        return asked(host, OfDomains(counts.key, counts.fullness()))

    def refusal(self, host: Any, rule: SpreadRule, default_zone: str) -> tuple[str, int, int] | None:
        """Why a host is refused: a sentence, how many there would be, and how many may be. None if it is not."""
        counts = self._counts(rule, default_zone)
        domains = counts.key.of(host)
        if counts.room().of(domains):
            return None
        if not domains:
            return (f"is in no {counts.key.label}, over which {self._journal.facts.counted} must be spread", 1, 0)
        domain = next(one for one in domains if not counts.room().of((one,)))
        here = counts.count(domain)
        most, why = counts.limit(domain)
        said = f"{counts.key.label} {domain!r} has {here} of {self._journal.facts.counted}, at most {most}{why}"
        return said, here + 1, most

    def _counts(self, rule: SpreadRule, default_zone: str) -> DomainCounts:
        return self._journal.counts(rule, default_zone, self._count)


class _Journal:
    """The hosts that a decision has chosen, and how many instances that makes in each domain."""

    __slots__ = ("_counts", "facts", "placed")

    def __init__(self, facts: _Facts, placed: Sequence[HostState] = ()) -> None:
        self.facts = facts
        self.placed: list[HostState] = list(placed)
        self._counts: dict[tuple[int, str], DomainCounts] = {}

    def counts(self, rule: SpreadRule, default_zone: str, count: int) -> DomainCounts:
        """The counts by domain when so many of the hosts were chosen."""
        found = self._counts.get((id(rule), default_zone))
        if found is None:
            facts, key = self.facts, DomainKey(rule.domain, default_zone)
            found = DomainCounts(rule, key, facts.counted_hosts(), facts.domains(key), facts.total)
            self._counts[id(rule), default_zone] = found
        found.follow(self.placed, count)
        return found


class DomainCounts:
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
        self.key = key
        self._rule = rule
        self._domains = domains
        hosts = list(before)
        self._total = len(hosts) + placing
        self._before: dict[Any, int] = dict.fromkeys(domains, 0)
        for host in hosts:
            for domain in key.of(host):
                self._before[domain] = self._before.get(domain, 0) + 1
        self._now: dict[Any, int] = dict(self._before)
        self._count = 0
        # The domains that got an instance since it was last worked out which are full, and when it was.
        self._touched: set[Any] | None = None
        self._full: set[Any] = set()
        self._full_when_least = 0
        named = rule.shares
        others = sum(1 for domain in domains if str(domain) not in named) or 1
        self._share_of_others = (100.0 - sum(named.values())) / others if named else 100.0 / (len(domains) or 1)
        self._of_aggregates: dict[int, tuple[Any, tuple[Any, ...]]] = {}
        self._room: tuple[int, Room] | None = None
        self._fullness: tuple[int, Fullness] | None = None

    def follow(self, placed: Sequence[HostState], count: int) -> None:
        """Count the first so many of the hosts that were chosen."""
        if count < self._count:
            self._now, self._count, self._touched = dict(self._before), 0, None
        for host in placed[self._count : count]:
            domains = self._domains_of(host)
            for domain in domains:
                self._now[domain] = self._now.get(domain, 0) + 1
            if self._touched is not None:
                self._touched.update(domains)
        self._count = count

    def _domains_of(self, host: HostState) -> tuple[Any, ...]:
        if not self.key.is_aggregate:
            return self.key.of(host)
        # Hosts of the same aggregates share the tuple of them.
        aggregates = host.aggregates
        known = self._of_aggregates.get(id(aggregates))
        if known is None or known[0] is not aggregates:
            known = self._of_aggregates[id(aggregates)] = (aggregates, self.key.of(host))
        return known[1]

    def count(self, domain: Any) -> int:
        """How many instances a domain has."""
        return self._now.get(domain, 0)

    def _share(self, domain: Any) -> float:
        """The per cent of all instances that a domain is to have."""
        return self._rule.shares.get(str(domain), self._share_of_others)

    def _most(self, domain: Any) -> float:
        """The most instances in a domain, whatever the other domains have."""
        rule = self._rule
        most: float = _NO_LIMIT if rule.max_per_domain is None else rule.max_per_domain
        return min(most, math.ceil(self._share(domain) * self._total / 100)) if rule.shares else most

    def _least(self) -> int:
        """How many instances the emptiest domain has."""
        return min((self._now[domain] for domain in self._domains), default=0)

    def limit(self, domain: Any) -> tuple[int, str]:
        """The most instances in a domain now, and what says so, for a sentence."""
        rule = self._rule
        limits: list[tuple[float, str]] = []
        if rule.max_per_domain is not None:
            limits.append((rule.max_per_domain, ""))
        if rule.max_skew is not None:
            least = self._least()
            limits.append((least + rule.max_skew, f" (max_skew {rule.max_skew}, the emptiest has {least})"))
        if rule.shares:
            share = self._share(domain)
            limits.append((math.ceil(share * self._total / 100), f" ({share:g}% of {self._total})"))
        most, why = min(limits, key=lambda one: one[0])
        return int(most), why

    def room(self) -> Room:
        """Which domains have room for one more; the same object as before if they are the same."""
        known = self._room
        if known is not None and known[0] == self._count:
            return known[1]
        rule = self._rule
        if not rule.has_limit:
            room = Room(frozenset(), self._now.keys(), others=True, outside=True)
        elif self._update_full() or known is None:
            others = self._share_of_others > 0
            room = Room(frozenset(self._full), frozenset(self._now), others=others, outside=False)
        else:
            room = known[1]
        self._room = (self._count, room)
        return room

    def _update_full(self) -> bool:
        """Work out which domains are full; whether these are others than before."""
        rule = self._rule
        least = 0 if rule.max_skew is None else self._least()
        most = _NO_LIMIT if rule.max_skew is None else least + rule.max_skew
        is_new = self._touched is None or least != self._full_when_least
        asked = self._now if is_new else self._touched or ()
        full = {domain for domain in asked if self._now[domain] >= most or self._now[domain] >= self._most(domain)}
        self._touched, self._full_when_least = set(), least
        before = len(self._full)
        # While the limit stays, domains only fill up.
        self._full = full if is_new else self._full | full
        return is_new or len(self._full) != before

    def fullness(self) -> Fullness:
        """How full each domain would be with one more."""
        known = self._fullness
        if known is None or known[0] != self._count:
            self._fullness = known = (self._count, Fullness(self._fullness_of, self._now))
        return known[1]

    def _fullness_of(self, domain: Any) -> float:
        # A share of nothing counts as the smallest that anybody writes.
        own = max(self._share(domain), 0.01) * self._total / 100
        return (self.count(domain) + 1) / own


class Room:
    """Which domains have room for one more instance.

    full : the domains that have none.
    """

    __slots__ = ("_known", "_others", "_outside", "full", "of_rows")

    def __init__(self, full: frozenset[Any], known: Collection[Any], *, others: bool, outside: bool) -> None:
        """others : whether domains that are not known have room; outside : whether hosts in no domain pass."""
        self.full = full
        self.of_rows: Any = None
        self._known = known
        self._others = others
        self._outside = outside

    def of(self, domains: tuple[Any, ...]) -> bool:
        """Whether a host in these domains has room; one in none has none."""
        for domain in domains:
            if domain in self.full or not (self._others or domain in self._known):
                return False
        return bool(domains) or self._outside


class Fullness:
    """How full domains are, as numbers for a weigher."""

    __slots__ = ("_each", "_other", "_outside", "of_rows")

    def __init__(self, each: Callable[[Any], float], domains: Iterable[Any]) -> None:
        self.of_rows: Any = None
        self._other = each
        self._each = {domain: each(domain) for domain in domains}
        self._outside = max(self._each.values(), default=0.0) + 1.0

    def of(self, domains: tuple[Any, ...]) -> float:
        """The fullest of the domains of a host."""
        each = self._each
        if len(domains) == 1 and domains[0] in each:
            return each[domains[0]]
        return max((each[one] if one in each else self._other(one) for one in domains), default=self._outside)


class _Facts:
    """What a decision begins with: its request, the hosts, and the instances on them. Read when it is needed."""

    def __init__(
        self,
        spec: RequestSpec,
        hosts: HostPool | Sequence[HostState],
        placing: Collection[str],
        rules: tuple[SpreadRule, ...],
        total: int,
    ) -> None:
        self._spec = spec
        self._hosts = hosts
        self._placing = placing
        self.rules = rules
        self.total = total
        self.host_reads = tuple(dict.fromkeys(name for rule in rules for name in DomainKey(rule.domain).reads))
        self._members: list[HostState] | None = None
        for rule in rules:
            self._check(rule)

    @property
    def has_group(self) -> bool:
        """Whether the request is for members of a group."""
        return self._spec.instance_group is not None

    @property
    def counted(self) -> str:
        """Whose instances count, for texts."""
        group = self._spec.instance_group
        if group is None:
            return f"project {self._spec.project_id!r}"
        return "the group" if group.uuid is None else f"group {group.uuid!r}"

    def _check(self, rule: SpreadRule) -> None:
        """Raise InvalidRequest for a domain that hosts cannot have, and where nothing says what to count."""
        if self._spec.instance_group is None and self._spec.project_id is None:
            raise InvalidRequest(
                f"{rule.field}: a spread counts the members of the request's group, or else the instances of its "
                "project; the request has neither an instance_group nor a project_id",
                field="project_id",
            )
        name = rule.domain
        if name == ZONE or name.startswith(AGGREGATE) or not len(self._hosts):
            return
        if not self._is_attribute(name):
            hosts = self._hosts
            some = [hosts.rows.host(0)] if isinstance(hosts, HostPool) else hosts
            kinds: set[type[HostState]] = set(map(type, some))
            known = {ZONE, f"{AGGREGATE}KEY", *(each for kind in kinds for each in kind.attributes)}
            raise InvalidRequest(
                f"{rule.field}: hosts have no attribute {name!r} to spread over. {nearest(name, known)}".rstrip()
                + f" An aggregate's metadata is {AGGREGATE}KEY.",
                field=f"{rule.field}.spread",
                value=name,
            )

    def _is_attribute(self, name: str) -> bool:
        if name.startswith("_"):
            return False
        hosts = self._hosts
        if isinstance(hosts, HostPool):
            if name not in hosts.rows.attribute_names():
                return False
            hosts = [hosts.rows.host(0)]
        kinds = set(map(type, hosts))
        is_method = any(callable(getattr(kind, name, None)) for kind in kinds)
        return not is_method and (
            isinstance(self._hosts, HostPool)
            or any(hasattr(kind, name) for kind in kinds)
            or any(name in vars(host) for host in hosts)
        )

    # -- the instances that count ----------------------------------------------------------------

    def counted_hosts(self) -> Iterable[HostState]:
        """The host of each instance that counts, those about to be placed left out."""
        return self.members() if self.has_group else self._of_project()

    def members(self) -> list[HostState]:
        """The host of each member of the group, known or listed by the request."""
        if self._members is None:
            self._members = list(self._find_members())
        return self._members

    def _find_members(self) -> Iterator[HostState]:
        group = self._spec.instance_group
        assert group is not None
        on_hosts: Counter[str] = Counter()
        for host in self._hosts_of([uuid for uuid in group.members if uuid not in self._placing]):
            on_hosts[host.host] += 1
            yield host
        listed = Counter(group.hosts)
        if all(count <= on_hosts[name] for name, count in listed.items()):
            return
        # A member that is about to move may be listed where it still is.
        for host in self._hosts_of(self._placing):
            on_hosts[host.host] += 1
        for name, count in listed.items():
            if count > on_hosts[name]:
                for host in self._named(name)[:1]:
                    yield from [host] * (count - on_hosts[name])

    def _hosts_of(self, uuids: Iterable[str]) -> Iterator[HostState]:
        """The host of each of these instances that is on one."""
        if isinstance(self._hosts, HostPool):
            rows = self._hosts.rows
            for uuid in uuids:
                yield from map(rows.host, rows.rows_with(uuid))
            return
        wanted = frozenset(uuids)
        for host in self._hosts if wanted else ():
            yield from [host] * len(wanted.intersection(host.instances))

    def _named(self, name: str) -> list[HostState]:
        if isinstance(self._hosts, HostPool):
            rows = self._hosts.rows
            return list(map(rows.host, rows.rows_named(name)))
        return [host for host in self._hosts if host.host == name]

    def _of_project(self) -> Iterator[HostState]:
        project = self._spec.project_id
        for host in self._hosts_of_project(project):
            for uuid, instance in host.instances.items():
                if instance.project_id == project and uuid not in self._placing:
                    yield host

    def _hosts_of_project(self, project: str | None) -> Iterable[HostState]:
        """The hosts with instances of the project, or all of them."""
        if not isinstance(self._hosts, HostPool):
            return self._hosts
        rows = self._hosts.rows
        try:
            counts = rows.look_up(InstancesWith("project_id", project))
        except NotVectorizable:
            return rows.hosts()
        return map(rows.host, np.flatnonzero(counts.values).tolist()) if type(counts) is Column else ()

    # -- the domains in which instances may be placed --------------------------------------------

    def domains(self, key: DomainKey) -> list[Any]:
        """The domains of the hosts that the request allows.

        Those are the hosts that its own fields let in, in its availability zone, that are in a domain
        of this kind and of every rule with a limit.
        """
        keys = [key, *(DomainKey(one.domain, key.default_zone) for one in self.rules if one.has_limit)]
        zone = self._spec.availability_zone
        if zone:
            keys.append(DomainKey(ZONE, key.default_zone))
        found: dict[Any, None] = {}
        for each in self._domains_of_hosts(list(dict.fromkeys(keys))):
            if all(each) and (not zone or zone in each[-1]):
                found.update(dict.fromkeys(each[0]))
        return list(found)

    def _domains_of_hosts(self, keys: Sequence[DomainKey]) -> Iterator[list[tuple[Any, ...]]]:
        """The domains by each key of the hosts that the request's own fields let in; equals perhaps once."""
        is_permitted = permitted_by(self._spec)
        reads = tuple(dict.fromkeys(name for key in keys for name in key.reads))
        at = [[reads.index(name) for name in key.reads] for key in keys]
        rows = self._hosts.rows if isinstance(self._hosts, HostPool) else None
        codes = None if rows is None else rows.codes(reads)
        if rows is None or codes is None:
            for host in self._hosts:
                if is_permitted is None or is_permitted(host):
                    yield [key.of(host) for key in keys]
            return
        live = codes.live()
        if is_permitted is not None:
            permitted = [row for row in range(len(rows)) if is_permitted(rows.host(row))]
            live = np.unique(codes.codes[permitted]).tolist()
        for code in live:
            values = (codes.values[code],) if len(reads) == 1 else codes.values[code]
            yield [key.of_values([values[one] for one in places]) for key, places in zip(keys, at, strict=True)]
