"""--try-moves: the fewest moves after which a refused request fits."""

from __future__ import annotations

import argparse
from typing import Any

from filtersched.cli.errors import UsageError
from filtersched.cli.terminal import Terminal
from filtersched.hosts.host_pool import HostPool
from filtersched.inventory import read_groups
from filtersched.loading import FiltersGiven
from filtersched.planning import MovePlan, plan_moves
from filtersched.planning.outcome import Outcome
from filtersched.requests.group_rules import groups_of_request
from filtersched.requests.request_spec import RequestSpec
from filtersched.requests.request_values import InstanceGroup
from filtersched.schedulers import FilterScheduler

# So many moves of a plan are told in a sentence.
_FEW = 4


class MoveTrials:
    """Plans moves for refused requests, as the command line asks for it."""

    def __init__(self, args: argparse.Namespace, scheduler: Any, filters: FiltersGiven | None) -> None:
        self._is_asked: bool = args.try_moves
        if args.groups is not None and not self._is_asked:
            raise UsageError("--groups is read for --try-moves; give that too")
        if not self._is_asked:
            return
        if getattr(args, "pool", None) is not None:
            raise UsageError("--try-moves plans on the hosts of an inventory; use --inventory in place of --pool")
        if args.profile is not None:
            raise UsageError("--try-moves lets each request choose its profile; leave --profile out")
        if not isinstance(scheduler, FilterScheduler):
            raise UsageError(f"{type(scheduler).__name__} uses no filters; --try-moves is for schedulers that do")
        self._scheduler = scheduler
        self._filters = filters
        self._groups: dict[str | None, InstanceGroup] = {}
        if args.groups is not None:
            self._groups = {group.uuid: group for group in read_groups(args.groups)}

    def note(self, spec: RequestSpec) -> None:
        """Take over the groups of a request, whose instances may be on hosts from now on."""
        if self._is_asked:
            for _field, group in groups_of_request(spec):
                if group.uuid is not None:
                    self._groups.setdefault(group.uuid, group)

    def add_to(self, outcome: Outcome, pool: HostPool) -> None:
        """Note the groups of an outcome's request, and plan moves if it was refused."""
        self.note(outcome.spec)
        if outcome.refusal is not None:
            outcome.moves = self.plan(outcome.spec, pool)

    def plan(self, spec: RequestSpec, pool: HostPool) -> MovePlan | None:
        """The moves for a refused request; None if nobody asks for them, or no host has an instance."""
        if not self._is_asked or not any(host.instances for host in pool):
            return None
        groups = list(self._groups.values())
        return plan_moves(self._scheduler, pool, make_room_for=spec, groups=groups, filters=self._filters)


def moves_in_words(plan: MovePlan) -> str:
    """What a plan for a refused request comes to, as a sentence."""
    if not plan.reached:
        return "No moves make room for it."
    told = [f"{move.instance_uuid} from {move.source} to {move.target}" for move in plan.moves[:_FEW]]
    more = len(plan.moves) - len(told)
    listed = ", ".join(told) + (f" and {more} more" if more else "")
    return f"Fits after {len(plan.moves)} move{'' if len(plan.moves) == 1 else 's'}: {listed}."


def moves_record(plan: MovePlan | None) -> dict[str, Any]:
    """The same as plain data; nothing if nobody asked for it."""
    return {} if plan is None else {"after_moves": {"fits": plan.reached, "moves": plan.to_dict()["moves"]}}


def show_moves(terminal: Terminal, plan: MovePlan | None, *, indent: str = "") -> None:
    """Tell what moves would do, if they were asked for."""
    if plan is not None:
        terminal.line(moves_in_words(plan), indent=indent)
