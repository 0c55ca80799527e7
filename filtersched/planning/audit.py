"""audit: what filters and group rules say of every instance on its own host."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from filtersched.columns.plain_data import FORMAT_VERSION
from filtersched.hosts.host_pool import HostPool
from filtersched.loading import FiltersGiven
from filtersched.planning.trial_moves import Groups, TrialMoves, check_planned, undone
from filtersched.results.verdict import Verdict
from filtersched.schedulers import FilterScheduler
from filtersched.schedulers.one_host import Asked


@dataclass(frozen=True, slots=True)
class Broken:
    """An instance whose own host would be refused to it now."""

    #: The uuid of the instance.
    instance_uuid: str
    #: Its host.
    host: str
    #: The node of the host.
    nodename: str
    #: The verdicts of the filters that refuse it.
    refused_by: tuple[Verdict, ...]

    @property
    def reason(self) -> str:
        """Why, as the end of a sentence."""
        return "; ".join(map(str, self.refused_by))

    def to_dict(self) -> dict[str, Any]:
        """The finding as plain data."""
        return {
            "instance_uuid": self.instance_uuid,
            "host": self.host,
            "nodename": self.nodename,
            "refused_by": [one.to_dict() for one in self.refused_by],
        }


@dataclass(frozen=True, slots=True)
class Audit:
    """Which of a pool's instances are where a filter or a rule of their groups would not let them be."""

    #: How many instances were asked about.
    asked: int
    #: Those that are refused their own host, in the order of hosts.
    broken: tuple[Broken, ...]
    #: Instances that nobody can ask about, since their flavor is unknown; and forced ones, which skip filters.
    not_asked: int = 0

    @property
    def by_filter(self) -> dict[str, int]:
        """How many instances each filter refuses."""
        counted: dict[str, int] = {}
        for one in self.broken:
            for verdict in one.refused_by:
                counted[verdict.filter] = counted.get(verdict.filter, 0) + 1
        return counted

    def to_dict(self) -> dict[str, Any]:
        """The audit as plain data with a version number."""
        return {
            "version": FORMAT_VERSION,
            "asked": self.asked,
            "not_asked": self.not_asked,
            "by_filter": self.by_filter,
            "broken": [one.to_dict() for one in self.broken],
        }


def audit(
    scheduler: FilterScheduler, pool: HostPool, *, groups: Groups = (), filters: FiltersGiven | None = None
) -> Audit:
    """Ask every filter, and the rules of groups, about every instance on its own host, without changing anything.

    groups, filters : as of `plan_moves`.

    Each instance is asked about as if it came to its host now, and was not there yet. An instance that is forced
    to its host is not asked about, and neither is one whose flavor is unknown.
    """
    check_planned(scheduler, pool)

    def ask() -> Audit:
        trial = TrialMoves(scheduler, pool, groups=groups, filters=filters, only_to_ask=True)
        broken = [
            Broken(trial.uuids[column], trial.names[row], trial.keys[row][1], asked.verdicts().refused_by)
            for column, row in enumerate(trial.where.tolist())
            for asked in [ask_at_home(trial, column)]
            if not asked.passed
        ]
        return Audit(len(trial.uuids), tuple(broken), len(trial.staying))

    return undone(pool, ask)


def ask_at_home(trial: TrialMoves, column: int) -> Asked:
    """Ask filters about the host that an instance is on."""
    return trial.ask(column, int(trial.where[column]))


def broken_columns(trial: TrialMoves, columns: Iterable[int]) -> set[int]:
    """Those of these instances that are refused their own hosts."""
    return {column for column in columns if not ask_at_home(trial, column).passed}
