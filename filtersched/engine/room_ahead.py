"""How many instances of a request fit on each host alone, found on columns."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from filtersched.columns.column import Column, NotVectorizable
from filtersched.engine.fallback import UseHandlers
from filtersched.engine.filtering import FilterRunner
from filtersched.engine.request_keys import RequestKeys
from filtersched.filters.server_group_affinity_filter import ServerGroupAffinityFilter
from filtersched.filters.server_group_anti_affinity_filter import ServerGroupAntiAffinityFilter
from filtersched.hosts.declared_items import Name, attribute_of
from filtersched.hosts.host_rows import HostRows
from filtersched.hosts.host_state import HostState
from filtersched.requests.request_spec import RequestSpec
from filtersched.requests.resource_groups import groups_of

# What an instance adds to attributes of its host, by the attributes of the request that say how much.
_ADDED: dict[str, Callable[[RequestSpec], float]] = {
    "free_ram_mb": lambda spec: -spec.flavor.memory_mb,
    "free_disk_mb": lambda spec: -(spec.flavor.root_gb + spec.flavor.ephemeral_gb) * 1024,
    "vcpus_used": lambda spec: spec.flavor.vcpus,
    "num_instances": lambda spec: 1,
    "num_io_ops": lambda spec: 1,
}
# Further attributes that another instance changes, in ways that columns don't tell.
_CHANGED = frozenset((*_ADDED, "updated", "instances", "unmeasured_vcpus"))
# What is another for each instance, or for each host that it would be on.
_OF_ONE_INSTANCE = frozenset(("instance_uuid", "instance_group", "shared_resources", "member_hosts", "source_cpu"))
# They look at the members of a group for the sake of its policy only.
_BY_POLICY = (ServerGroupAffinityFilter, ServerGroupAntiAffinityFilter)
_STEPS = ("copy", "consume_from_request", "_assign", "add_instance", "__setattr__", "__getattribute__")


class DepletedRows:
    """The rows of a pool as if each host had taken so many instances more. A source of columns."""

    def __init__(self, rows: HostRows, spec: RequestSpec) -> None:
        self._rows = rows
        self._spec = spec
        self._columns: dict[str, Column] = {}
        self._taken = 0
        self._written: dict[str, int] = {}

    def take_one(self) -> None:
        """Let each host take one instance more."""
        self._taken += 1

    def column(self, attribute: str) -> Column:
        """The attribute as numbers. Raises NotVectorizable."""
        if attribute not in _CHANGED:
            return self._rows.column(attribute)
        if attribute not in _ADDED:
            raise NotVectorizable
        # One after another, as hosts do it, so that fractions come out the same.
        while self._written.get(attribute, 0) < self._taken:
            column: Any = self._columns[attribute] if attribute in self._columns else self._rows.column(attribute)
            self._columns[attribute] = column + _ADDED[attribute](self._spec)
            self._written[attribute] = self._written.get(attribute, 0) + 1
        return self._columns[attribute]

    def of_each(self, attribute: Name, function: Callable[..., Any], *arguments: Any) -> Any:
        """`function` of each distinct value of the attribute; see HostRows."""
        self._check((attribute_of(attribute),))
        return self._rows.of_each(attribute, function, *arguments)

    def look_up(self, look_up: Any) -> Any:
        """The answer to a look-up; see HostRows."""
        self._check(look_up.attributes)
        return self._rows.look_up(look_up)

    def count_instances(self, uuids: Collection[str]) -> Any:
        """Raises NotVectorizable."""
        raise NotVectorizable

    def _check(self, attributes: Collection[str]) -> None:
        if not _CHANGED.isdisjoint(attributes):
            raise NotVectorizable


def room_ahead(
    rows: HostRows,
    filters: Sequence[FilterRunner],
    first: RequestSpec,
    uuids: Sequence[str],
    passing: NDArray[np.bool_],
) -> NDArray[np.float64]:
    """(n_rows,) how many of the instances fit on each host alone; 0 where the first is refused.

    passing : (n_rows,) where the first instance passes all filters.

    Raises UseHandlers where hosts must be tried one by one.
    """
    fits = passing.astype(np.float64)
    if len(uuids) == 1 or not passing.any():
        return fits
    _check_alike(rows, filters, first)
    spec = first.for_instance(uuids[1])
    # What the rules of groups and of spreads count is on other hosts too.
    spec.__dict__.pop("_placements", None)
    source, request = DepletedRows(rows, spec), RequestKeys(spec, rows)
    alive, lasting = passing, dict[FilterRunner, Any]()
    try:
        for index in range(1, len(uuids)):
            source.take_one()
            for runner in filters:
                if runner.plugin.run_filter_for_index(index):
                    alive = alive & _passes(runner, source, request, lasting)
            if not alive.any():
                break
            fits[alive] += 1
    except Exception:
        # The boundary to the plug-in, and to values that are no columns: tried one by one, it raises again if it must.
        raise UseHandlers from None
    return fits


def _passes(
    runner: FilterRunner, source: DepletedRows, request: RequestKeys, lasting: dict[FilterRunner, Any]
) -> Any:
    """(n_rows,) or one verdict for all, kept where another instance changes nothing that the filter reads."""
    if runner in lasting:
        return lasting[runner]
    assert runner.evaluator is not None
    answer = runner.evaluator.evaluate_columns(source, request).answer
    passes = answer.astype(np.bool_) if isinstance(answer, np.ndarray) else bool(answer)
    if _CHANGED.isdisjoint(map(attribute_of, request.reads_of(runner.evaluator))):
        lasting[runner] = passes
    return passes


def _check_alike(
    rows: HostRows, filters: Sequence[FilterRunner], spec: RequestSpec
) -> None:
    """Raise UseHandlers unless columns tell what another instance changes, and what filters make of it."""
    has_devices = spec.numa_topology is not None or spec.pci_requests or groups_of(spec.extra_specs).groups
    if has_devices or spec.resources or spec.is_rebuild:
        raise UseHandlers
    group = spec.instance_group
    for one in filters:
        asked = one.evaluator
        if asked is None or not asked.columnar:
            raise UseHandlers
        if _OF_ONE_INSTANCE.isdisjoint(map(attribute_of, asked.spec_reads)):
            continue
        if type(one.plugin) not in _BY_POLICY or (group is not None and group.policy is not None):
            raise UseHandlers
    for kind in (*rows.kinds(), rows.host_class):
        if any(getattr(kind, name) is not getattr(HostState, name) for name in _STEPS):
            raise UseHandlers
