"""UnmovedHosts: whether hosts, groups and shared resources are as they were when selections were decided."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from filtersched.hosts.kept_hosts import KeptHosts
from filtersched.hosts.placement import CommitConflict, Placement
from filtersched.hosts.several_decisions import SharedByDecisions, shared_by_decisions
from filtersched.hosts.shared_amounts import ScopeKey, scope_in_words
from filtersched.requests.group_rules import group_rules
from filtersched.requests.request_spec import RequestSpec


class UnmovedHosts(KeptHosts):
    """Kept hosts that tell which decisions they have changed since."""

    def stale(self, selections: Iterable[Placement]) -> list[Placement]:
        """The selections whose host, group or shared resource has changed since the decision."""
        return self._atomic.run(lambda: [one for one in selections if not self._is_unmoved(one)])

    def check_unmoved(self, chosen: Sequence[Placement]) -> None:
        """Raise CommitConflict for selections that were decided on another state or in another pool.

        The same for those of several decisions that draw on the same host, group or shared resource.
        """
        foreign = [one for one in chosen if one.pool != self.uuid]
        shared = None if foreign else self.shared_by_decisions(chosen)
        if shared is not None:
            what = _in_words(shared.hosts, shared.groups, shared.scopes)
            raise CommitConflict(
                f"{what}: several decisions of this call draw on it, and none knows of the others; use "
                "scheduler.commit(), which asks the filters again, or place()",
                selections=shared.selections,
                hosts=shared.hosts,
                groups=shared.groups,
                resources=shared.scopes,
            )
        moved = foreign or [one for one in chosen if not self._is_unmoved(one)]
        if moved:
            raise self._conflict_about(moved, bool(foreign))

    def _conflict_about(self, moved: Sequence[Placement], foreign: bool = False) -> CommitConflict:
        """The error for selections that were decided on another state, or in another pool."""
        names = sorted({one.host for one in moved if foreign or self._row_decided(one) is None})
        groups = sorted({self._moved_group(one) or "" for one in moved} - {""})
        scopes = [] if foreign else list(dict.fromkeys(scope for one in moved for scope in self._moved_scopes(one)))
        what = _in_words(names, [] if foreign else groups, scopes)
        why = "was not decided on in this pool" if foreign else "changed since the decision"
        return CommitConflict(
            f"{what} {why}; decide again, or use place()",
            selections=moved,
            hosts=names,
            groups=groups,
            resources=scopes,
        )

    def shared_by_decisions(self, chosen: Sequence[Placement]) -> SharedByDecisions | None:
        """What several decisions among these draw on; None if each has its own."""
        return shared_by_decisions(chosen, groups_named)

    def _is_unmoved(self, selection: Placement) -> bool:
        is_same = self._row_decided(selection) is not None and self._moved_group(selection) is None
        return is_same and not self._moved_scopes(selection)

    def _moved_scopes(self, selection: Placement) -> list[ScopeKey]:
        """The scopes of shared resources that the instance takes of, if their use has changed since the decision."""
        taken = selection.resources
        return self.scope_generations.changed_since(taken, selection.pool_generation) if taken else []

    def _row_decided(self, selection: Placement) -> int | None:
        """The row of the selection's host; None if the host has changed since the decision, or is gone."""
        row = self.rows.row_of(selection.host, selection.nodename)
        return None if row is None or self.rows.host(row)._generation != selection.generation else row

    def _moved_group(self, selection: Placement) -> str | None:
        """The first group of the request, or that its rules name, whose members or hosts changed since the decision."""
        for group in groups_named(selection.spec):
            if self.group_generation(group) > selection.pool_generation:
                return group
        return None


def groups_named(spec: RequestSpec) -> Sequence[str]:
    """The groups of a request, and those that its rules name, by uuid."""
    group, further = spec.instance_group, spec.instance_groups
    named = () if group is None or group.uuid is None else (group.uuid,)
    if further or (group is not None and group.rules):
        others = [rule.group for rule in group_rules(spec) if rule.group is not None]
        named = tuple(dict.fromkeys((*named, *(one.uuid or "" for one in further), *others)))
    return named


def _in_words(hosts: Iterable[str], groups: Iterable[str], scopes: Iterable[ScopeKey]) -> str:
    return ", ".join([*hosts, *(f"group {group!r}" for group in groups), *map(scope_in_words, scopes)])
