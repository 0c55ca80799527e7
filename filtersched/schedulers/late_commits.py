"""Late commits: decisions whose hosts have changed since, asked again before they are applied."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from filtersched.engine.decision import Decision, depleted
from filtersched.hosts.host_pool import HostPool, Key
from filtersched.hosts.host_state import HostState
from filtersched.hosts.placement import CommitConflict
from filtersched.loading import FiltersGiven
from filtersched.requests.request_spec import RequestSpec
from filtersched.requests.seal import sealed
from filtersched.results.selection import Selection, alternates_of
from filtersched.schedulers.groups import restated


def still_good(
    chosen: Sequence[Selection], pool: HostPool, prepare: Callable[..., Decision], filters: FiltersGiven | None
) -> tuple[list[Selection], bool]:
    """The selections as if they had been decided now, or the first alternate; and whether it is an alternate.

    prepare : as of `asked_again`.
    Raises CommitConflict where no host is good any more.
    """
    try:
        return sealed(lambda: asked_again(chosen, pool, prepare, filters)), False
    except CommitConflict:
        if len(chosen) > 1:
            raise
    for other in alternates_of(chosen[0]):
        try:
            return sealed(functools.partial(asked_again, [other], pool, prepare, filters)), True
        except CommitConflict:
            continue
    raise CommitConflict(f"{chosen[0].host} and its alternates cannot take the instance any more")


def asked_again(
    chosen: Sequence[Selection], pool: HostPool, prepare: Callable[..., Decision], filters: FiltersGiven | None
) -> list[Selection]:
    """The selections as if they had been decided now.

    prepare : makes a decision of a request, as the profile that decided does.
    Raises CommitConflict where a filter refuses.
    """
    now = pool.clock()
    taken: dict[Key, HostState] = {}
    records: list[Mapping[str, Any]] = []
    renewed = []
    for index, selection in enumerate(chosen):
        key = (selection.host, selection.nodename)
        if key not in pool:
            raise CommitConflict(
                f"{selection.host} was removed since the decision; decide again, or use place()",
                selections=[selection],
                hosts=[selection.host],
            )
        spec = selection.spec.copy()
        spec.now = now
        group = spec.instance_group
        together = [one for one in chosen if _count_together(one.spec, spec)]
        before = {one.instance_uuid: taken[one.host, one.nodename] for one in together if one in chosen[:index]}
        if group is not None:
            spec.instance_group = restated(group, pool)
        if spec.instance_groups:
            spec.instance_groups = [restated(one, pool) for one in spec.instance_groups]
        decision = prepare(
            selection,
            spec,
            pool,
            [selection.instance_uuid],
            filters=filters,
            before=before,
            total=len(together),
            taken=records,
        )
        if key in taken:
            decision.without = {**decision.without, key: taken[key]}
        _check_still_passes(selection, decision, pool)
        host, shared = decision.without.get(key, pool[key]), decision.spec.shared_resources
        taken[key] = depleted(host, spec)
        resources = None if shared is None else shared.records(decision.spec, host)
        if resources is not None:
            records.append(resources)
        renewed.append(
            replace(
                selection,
                generation=pool[key]._generation,
                pool_generation=pool.group_stamp,
                resources=resources,
                host_state=taken[key],
            )
        )
    return renewed


def _check_still_passes(selection: Selection, decision: Decision, pool: HostPool) -> None:
    """Raise CommitConflict if a filter refuses the host of a selection now."""
    verdict = next(iter(decision.ask(pool[selection.host, selection.nodename], 0).refused_by), None)
    if verdict is not None:
        raise CommitConflict(
            f"{selection.host} changed since the decision, and cannot take instance "
            f"{selection.instance_uuid} now: {verdict}; decide again, or use place()",
            selections=[selection],
            hosts=[selection.host],
            verdict=verdict,
        )


def _count_together(one: RequestSpec, other: RequestSpec) -> bool:
    """Whether instances of two requests count as of the same groups, or else of one project."""
    if {group.uuid for group in one.instance_groups} != {group.uuid for group in other.instance_groups}:
        return False
    if one.instance_group is None or other.instance_group is None:
        return one.instance_group is other.instance_group and one.project_id == other.project_id
    return one.instance_group.uuid is not None and one.instance_group.uuid == other.instance_group.uuid
