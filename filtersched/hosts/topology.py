"""Topology: in which domains the instances are that a request's spread rules count.

Counted are the members of the request's group, or else the instances of its project; in both cases with
what the request itself has placed so far, and without the instances that it is about to place or move.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from filtersched.columns.column import Column, NotVectorizable
from filtersched.errors import InvalidRequest, nearest
from filtersched.hosts.domain_attributes import declared_attributes, is_attribute
from filtersched.hosts.domain_counts import DomainCounts, DomainTally
from filtersched.hosts.domains import DomainKey, InDomains, OfDomains
from filtersched.hosts.group_domains import GroupRules
from filtersched.hosts.host_pool import HostPool
from filtersched.hosts.host_state import HostState
from filtersched.hosts.instance_index import groups_of
from filtersched.hosts.look_ups import InstancesWith, asked
from filtersched.hosts.narrowing import permitted_by
from filtersched.requests.group_rules import GroupRule, groups_of_request
from filtersched.requests.request_spec import RequestSpec
from filtersched.requests.request_values import InstanceGroup
from filtersched.requests.spread_rules import AGGREGATE, ZONE, SpreadRule


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
        group_rules: Sequence[GroupRule] = (),
        *,
        total: int,
    ) -> Placements:
        """Those of a request before its first instance is placed.

        spec : with its group complete.
        uuids : the instances that are about to be placed, which count on no host.
        total : how many the request places in all.
        """
        return cls(_Journal(_Facts(spec, hosts, frozenset(uuids), tuple(rules), tuple(group_rules), total)))

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

    def group_rules(self) -> GroupRules | None:
        """What the rules of the request's groups need; None if they have none."""
        return GroupRules(self._journal, self._count) if self._journal.facts.group_rules else None


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

    def filled_since(self, before: Topology | None, default_zone: str) -> tuple[InDomains, ...] | None:
        """The domains in which no host has room any more, since one instance less was placed.

        None if others may have room again.
        """
        if before is None or before._journal is not self._journal or before._count != self._count - 1:
            return None
        filled = []
        for rule in self._journal.facts.limiting:
            counts = self._counts(rule, default_zone)
            domains = counts.filled_since(before._count)
            if domains is None:
                return None
            if domains:
                filled.append(InDomains(counts.key, domains))
        return tuple(filled)

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
        here = counts.counts[domain]
        most, why = counts.limit(domain)
        said = f"{counts.key.label} {domain!r} has {here} of {self._journal.facts.counted}, at most {most}{why}"
        return said, here + 1, most

    def _counts(self, rule: SpreadRule, default_zone: str) -> DomainCounts:
        return self._journal.counts(rule, default_zone, self._count)


class _Journal:
    """The hosts that a decision has chosen, and how many instances that makes in each domain."""

    __slots__ = ("_counts", "_tallies", "facts", "placed")

    def __init__(self, facts: _Facts, placed: Sequence[HostState] = ()) -> None:
        self.facts = facts
        self.placed: list[HostState] = list(placed)
        self._counts: dict[tuple[int, str], DomainCounts] = {}
        self._tallies: dict[tuple[GroupRule, DomainKey], DomainTally] = {}

    def counts(self, rule: SpreadRule, default_zone: str, count: int) -> DomainCounts:
        """The counts by domain when so many of the hosts were chosen."""
        found = self._counts.get((id(rule), default_zone))
        if found is None:
            facts, key = self.facts, DomainKey(rule.domain, default_zone)
            found = DomainCounts(rule, key, facts.counted_hosts(), facts.domains(key), facts.total)
            self._counts[id(rule), default_zone] = found
        found.follow(self.placed, count)
        return found

    def tally(self, rule: GroupRule, key: DomainKey, count: int) -> DomainTally:
        """Where the members are that a rule names, when so many of the hosts were chosen."""
        found = self._tallies.get((rule, key))
        if found is None:
            facts = self.facts
            found = self._tallies[rule, key] = DomainTally(key, facts.named_by(rule), follows=facts.follows(rule))
        found.follow(self.placed, count)
        return found


class _Facts:
    """What a decision begins with: its request, the hosts, and the instances on them. Read when it is needed."""

    def __init__(
        self,
        spec: RequestSpec,
        hosts: HostPool | Sequence[HostState],
        placing: Collection[str],
        rules: tuple[SpreadRule, ...],
        group_rules: tuple[GroupRule, ...],
        total: int,
    ) -> None:
        self._spec = spec
        self._hosts = hosts
        self._placing = placing
        self.rules = rules
        self.limiting = tuple(rule for rule in rules if rule.has_limit)
        self.group_rules = group_rules
        self._groups = [group for _field, group in groups_of_request(spec)]
        # By rule that looks ahead: how many instances are to fit, and how many do by domain.
        self.room_ahead: dict[GroupRule, tuple[int, Mapping[Any, int]]] = {}
        self.total = total
        self.host_reads = tuple(dict.fromkeys(name for rule in rules for name in DomainKey(rule.domain).reads))
        self._members: list[HostState] | None = None
        for rule in rules:
            self._check(rule)
        for group_rule in group_rules:
            self._check_domain(group_rule.domain, group_rule.field)

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
        self._check_domain(rule.domain, rule.field, ".spread")

    def _check_domain(self, name: str, field: str, key: str = "") -> None:
        if name == ZONE or name.startswith(AGGREGATE) or not len(self._hosts):
            return
        if not is_attribute(self._hosts, name):
            known = {ZONE, f"{AGGREGATE}KEY", *declared_attributes(self._hosts)}
            raise InvalidRequest(
                f"{field}: hosts have no attribute {name!r}{' to spread over' if key else ''}. "
                + f"{nearest(name, known)} An aggregate's metadata is {AGGREGATE}KEY.".lstrip(),
                field=f"{field}{key}",
                value=name,
            )

    # -- the instances that count ----------------------------------------------------------------

    def counted_hosts(self) -> Iterable[HostState]:
        """The host of each instance that counts, those about to be placed left out."""
        return self.members() if self.has_group else self._of_project()

    def members(self) -> list[HostState]:
        """The host of each member of the group, known or listed by the request."""
        if self._members is None:
            group = self._spec.instance_group
            assert group is not None
            self._members = list(self._members_of(group))
        return self._members

    def follows(self, rule: GroupRule) -> bool:
        """Whether the instances that the request places are members of the group that a rule names."""
        return rule.is_own or any(rule.group == group.uuid for group in self._groups)

    def named_by(self, rule: GroupRule) -> Iterable[HostState]:
        """The host of each member of the group that a rule names, those about to be placed left out."""
        for at, group in enumerate(self._groups):
            if at == rule.owner if rule.is_own else group.uuid == rule.group:
                return self._members_of(group)
        return self._hosts_of([uuid for uuid in self._known_members(rule.group) if uuid not in self._placing])

    def _known_members(self, group: str | None) -> Collection[str]:
        if group is None:
            return ()
        if isinstance(self._hosts, HostPool):
            return self._hosts.rows.members_of(group)
        instances = (one for host in self._hosts for one in host.instances.values())
        return dict.fromkeys(one.uuid for one in instances if group in groups_of(one))

    def group_in_words(self, rule: GroupRule) -> str:
        """The group that a rule names, for texts."""
        return "the group" if rule.group is None else f"group {rule.group!r}"

    def members_in(
        self, rule: GroupRule, key: DomainKey, domain: Any, placed: Collection[HostState]
    ) -> list[str]:
        """The members that a rule names in a domain: uuids where they are known, on which host."""
        found: dict[str, None] = {}
        for host in (*self.named_by(rule), *placed):
            if domain not in key.of(host):
                continue
            names = [uuid for uuid, one in host.instances.items() if rule.group in groups_of(one)]
            found.update(dict.fromkeys([f"{uuid} on {host.host}" for uuid in names] or [f"one on {host.host}"]))
        return list(found)

    def _members_of(self, group: InstanceGroup) -> Iterator[HostState]:
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
        reads = tuple(dict.fromkeys(name for key in keys for name in key.names))
        at = [[reads.index(name) for name in key.names] for key in keys]
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
