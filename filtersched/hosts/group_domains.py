"""GroupRules: in which domains the instances are that a request's group rules name, and what follows for a host."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from typing import Any

from filtersched.hosts.domain_counts import DomainTally
from filtersched.hosts.domains import Among, DomainKey, InDomains, OfDomains
from filtersched.hosts.host_state import HostState
from filtersched.hosts.look_ups import asked
from filtersched.requests.group_rules import GroupRule

# So many instances are named in a sentence.
_MOST_NAMED = 3


class GroupRules:
    """The rules of a request's groups, and where the members are that they name.

    hosts_of : finds the hosts of a rule's members, one entry per member, before the request placed any.
    follows : whether the instances that the request places are members too.
    """

    __slots__ = ("_count", "_journal")

    def __init__(self, journal: Any, count: int) -> None:
        self._journal = journal
        self._count = count

    @property
    def rules(self) -> tuple[GroupRule, ...]:
        """The rules, in the order of the groups."""
        found: tuple[GroupRule, ...] = self._journal.facts.group_rules
        return found

    def key(self, rule: GroupRule, default_zone: str, *, alone: bool) -> DomainKey:
        """What tells the rule's domains apart."""
        return DomainKey(rule.domain, default_zone, alone and rule.domain != "host")

    def passes(self, host: Any, rule: GroupRule, key: DomainKey, *, unknown: bool) -> Any:
        """Whether a host, or each of columns of hosts, satisfies a rule.

        unknown : whether any host does while the group that it must be with has no members.
        """
        counts: Mapping[Any, int] = self._tally(rule, key).counts
        ahead = self._journal.facts.room_ahead.get(rule)
        if ahead is not None:
            wanted, room = ahead
            able = [domain for domain, count in room.items() if count >= wanted and (not counts or domain in counts)]
            return asked(host, OfDomains(key, Among(dict.fromkeys(able, True), False, False, any)))
        if not rule.is_together:
            full = {domain: False for domain, count in counts.items() if count > rule.most}
            return asked(host, OfDomains(key, Among(full, rule.most >= 0, False, all)))
        if not counts:
            return asked(host, OfDomains(key, Among({}, unknown or rule.is_own, False, any)))
        return asked(host, OfDomains(key, Among(dict.fromkeys(counts, True), False, False, any)))

    def members_near(self, host: Any, rule: GroupRule, key: DomainKey) -> Any:
        """How many members the rule's domain has: those of the fullest of a host's domains."""
        return asked(host, OfDomains(key, self._tally(rule, key).near()))

    def refusal(self, host: Any, rule: GroupRule, key: DomainKey, *, unknown: bool) -> tuple[str, int, int] | None:
        """Why a rule refuses a host: a sentence, what it needs and what it has. None if it does not."""
        if self.passes(host, rule, key, unknown=unknown):
            return None
        domains, counts = key.of(host), self._tally(rule, key).counts
        whose = self._journal.facts.group_in_words(rule)
        if not domains:
            return f"is in no {key.label}, which {rule.field} needs", 1, 0
        if rule.is_together:
            ahead = self._journal.facts.room_ahead.get(rule)
            if ahead is not None and (not counts or domains[0] in counts):
                wanted, here = ahead[0], max(ahead[1].get(one, 0) for one in domains)
                said = f"{key.label} {key.shown(domains[0])} can take {here} of the {wanted} instances"
                return f"{said}, and must take all ({rule.field})", wanted, here
            if not counts:
                return f"{whose} has no instance on a host, and {rule.field} needs one in the {key.label}", 1, 0
            where = ", ".join(sorted(str(domain) for domain in counts)[:_MOST_NAMED])
            return f"{key.label} {key.shown(domains[0])} has none of {whose}, which is in {where} ({rule.field})", 1, 0
        domain = next(one for one in domains if counts[one] > rule.most)
        here = counts[domain]
        who = self._journal.facts.members_in(rule, key, domain, self._placed(rule))
        names = f": {', '.join(who[:_MOST_NAMED])}{' …' if len(who) > _MOST_NAMED else ''}" if who else ""
        # The instance itself is one more, where it is a member.
        more = 1 if self._journal.facts.follows(rule) else 0
        said = f"{key.label} {key.shown(domain)} has {here} of {whose}{names}; at most {rule.most + more} may be there"
        return f"{said} ({rule.field})", here + more, rule.most + more

    def look_ahead(self, rule: GroupRule, wanted: int, room: Mapping[Any, int]) -> None:
        """Let only domains pass a rule that have room for so many instances."""
        self._journal.facts.room_ahead[rule] = (wanted, room)

    def most_more(self, key: DomainKey, domain: Any, *, default_zone: str, alone: bool) -> float:
        """The most further members that the rules that must hold allow in a domain.

        Looked at are rules that keep the members of the request's own groups apart in such domains.
        """
        most = math.inf
        for rule in self.rules:
            if rule.is_together or rule.is_soft or not self._journal.facts.follows(rule):
                continue
            if self.key(rule, default_zone, alone=alone) == key:
                most = min(most, rule.most + 1 - self._tally(rule, key).counts[domain])
        return most

    def domains_with_members(self, key: DomainKey, *, default_zone: str, alone: bool) -> set[Any]:
        """The domains where `most_more` differs from what it is for a domain without members."""
        found: set[Any] = set()
        for rule in self.rules:
            if not rule.is_together and self.key(rule, default_zone, alone=alone) == key:
                found.update(self._tally(rule, key).counts)
        return found

    def filled_since(self, before: GroupRules | None, keys: Mapping[GroupRule, DomainKey]) -> list[InDomains] | None:
        """The domains that no longer pass, since one instance less was placed. None if others may pass now."""
        if before is None or before._journal is not self._journal or before._count != self._count - 1:
            return None
        filled = []
        for rule, key in keys.items():
            if not self._journal.facts.follows(rule):
                continue
            counts = self._tally(rule, key).counts
            domains = key.of(self._journal.placed[self._count - 1])
            if not rule.is_together:
                full = [one for one in domains if counts[one] == rule.most + 1]
                filled += [InDomains(key, full)] if full else []
            elif any(counts[one] == 1 for one in domains) or not domains:
                # The first there, so that hosts pass, or stop to, in this domain or in all.
                return None
        return filled

    def _tally(self, rule: GroupRule, key: DomainKey) -> DomainTally:
        found: DomainTally = self._journal.tally(rule, key, self._count)
        return found

    def _placed(self, rule: GroupRule) -> Collection[HostState]:
        journal = self._journal
        placed: list[HostState] = journal.placed[: self._count] if journal.facts.follows(rule) else []
        return placed
