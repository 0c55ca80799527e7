"""This library's filters and weighers inside a running nova-scheduler.

    [filter_scheduler]
    available_filters = filtersched.nova_bridge.FilterschedFilter
    enabled_filters = FilterschedFilter
    weight_classes = filtersched.nova_bridge.FilterschedWeigher
    [filtersched]
    config_file = /etc/nova/filtersched.conf

It needs Nova, and is imported by Nova only. The file says which filters and weighers of this library
are used, in the spelling of Nova. Each call copies what they read of Nova's hosts and request.
"""

from __future__ import annotations

import functools
import json
import threading
from collections.abc import Iterable, Mapping
from typing import Any

from nova.scheduler import filters, weights  # type: ignore[import-not-found]
from oslo_config import cfg
from oslo_utils import timeutils  # type: ignore[import-not-found]

from filtersched.columns.plain_data import attributes_of
from filtersched.hosts.host_state import HostState
from filtersched.hosts.service import SERVICE_KEYS
from filtersched.requests.request_spec import RequestSpec
from filtersched.schedulers import FilterScheduler
from filtersched.settings import make_conf

CONF = cfg.CONF
CONF.register_opt(
    cfg.StrOpt(
        "config_file",
        default="/etc/nova/filtersched.conf",
        help="The file that says which filters and weighers of filtersched are used.",
    ),
    group="filtersched",
)

# Read otherwise than by copying, or not known to Nova.
_OWN = frozenset(("host", "nodename", "service", "instances", "aggregates", "metrics"))
_OWN |= {"numa_topology", "pci_stats", "limits", "providers", "resources", "traits", "images"}
_COPIED = tuple(name for name in HostState.attributes if name not in _OWN)
_OF_REQUEST = ("instance_uuid", "project_id", "user_id", "availability_zone", "is_bfv", "num_instances")
_LISTS = ("ignore_hosts", "force_hosts", "force_nodes")


class FilterschedFilter(filters.BaseHostFilter):  # type: ignore[misc]
    """Refuse the hosts that the filters of filtersched refuse."""

    RUN_ON_REBUILD = True

    def filter_all(self, filter_obj_list: Iterable[Any], spec_obj: Any) -> list[Any]:
        """Nova's hosts that pass, in their order."""
        given = list(filter_obj_list)
        hosts = _seen.renewed(given, spec_obj)
        scheduler = _scheduler(CONF.filtersched.config_file)
        passed = scheduler.filter(hosts, request_of(spec_obj), 0, scheduler.filters)
        place = {id(host): at for at, host in enumerate(hosts)}
        return [given[place[id(host)]] for host in passed]


class FilterschedWeigher(weights.BaseHostWeigher):  # type: ignore[misc]
    """Weigh hosts as the weighers of filtersched do; Nova maps the sums to 0 to 1, which keeps the order."""

    def weigh_objects(self, weighed_obj_list: Iterable[Any], weight_properties: Any) -> list[float]:
        """The weight of each of Nova's hosts, in their order."""
        hosts = _seen.of([one.obj for one in weighed_obj_list], weight_properties)
        weighed = _scheduler(CONF.filtersched.config_file).weigh(hosts, request_of(weight_properties))
        weight_of = {id(one.obj): one.weight for one in weighed}
        return [weight_of[id(host)] for host in hosts]

    def _weigh_object(self, host_state: Any, weight_properties: Any) -> float:
        raise NotImplementedError("weigh_objects compares all hosts")


class _Seen(threading.local):
    """The copies that the filter made of Nova's hosts, for the weigher, which comes next in the same decision."""

    key: Any = None
    copies: Mapping[int, tuple[Any, HostState]] = {}

    def renewed(self, states: Iterable[Any], spec: Any) -> list[HostState]:
        """Copies of the hosts as they are now."""
        copies = {id(state): (state, host_of(state)) for state in states}
        # Without a uuid, the next instance of the request could not be told from this one.
        self.key = (spec, spec.instance_uuid) if spec.obj_attr_is_set("instance_uuid") and spec.instance_uuid else None
        self.copies = copies if self.key is not None else {}
        return [host for _state, host in copies.values()]

    def of(self, states: Iterable[Any], spec: Any) -> list[HostState]:
        """The copies, made anew for another request or instance."""
        known = self.copies if self._is_of(spec) else {}
        self.key, self.copies = None, {}
        return [known[id(state)][1] if id(state) in known else host_of(state) for state in states]

    def _is_of(self, spec: Any) -> bool:
        return self.key is not None and self.key[0] is spec and self.key[1] == spec.instance_uuid


_seen = _Seen()


@functools.lru_cache(4)
def _scheduler(path: str) -> FilterScheduler:
    return FilterScheduler(make_conf(files=[path]))


def host_of(state: Any) -> HostState:
    """What this library knows of one of Nova's hosts."""
    given = ((name, getattr(state, name, None)) for name in _COPIED)
    facts = {name: value for name, value in given if value is not None}
    facts["aggregates"] = [{"name": one.name, "metadata": dict(one.metadata)} for one in state.aggregates]
    facts["metrics"] = {metric.name: metric.value for metric in state.metrics or ()}
    facts["service"] = {name: value for name, value in dict(state.service).items() if name in SERVICE_KEYS}
    facts["instances"] = {uuid: _instance(one) for uuid, one in state.instances.items()}
    if state.numa_topology is not None:
        facts["numa_topology"] = _primitive(state.numa_topology)
    pools = getattr(state.pci_stats, "pools", None)
    if pools:
        facts["pci_stats"] = [dict(pool) for pool in pools]
    return HostState(state.host, state.nodename, **facts)


def _instance(instance: Any) -> dict[str, Any]:
    known = {}
    for name in ("project_id", "user_id", "image_ref", "instance_type_id"):
        if instance.obj_attr_is_set(name) and getattr(instance, name) is not None:
            known[name] = getattr(instance, name)
    if instance.obj_attr_is_set("system_metadata"):
        given = instance.system_metadata.items()
        known["image_properties"] = {key[6:]: text for key, text in given if key.startswith("image_")}
    return known


def request_of(spec: Any) -> RequestSpec:
    """What this library knows of one of Nova's requests."""

    def said(name: str) -> Any:
        return getattr(spec, name) if spec.obj_attr_is_set(name) else None

    facts = {name: said(name) for name in _OF_REQUEST if said(name) is not None}
    facts |= {name: list(said(name)) for name in _LISTS if said(name)}
    facts["flavor"] = {**(attributes_of(spec.flavor) or {}), "extra_specs": dict(spec.flavor.extra_specs or {})}
    facts["flavor"] = {name: value for name, value in facts["flavor"].items() if name in _FLAVOR}
    facts["scheduler_hints"] = dict(said("scheduler_hints") or {})
    image = said("image")
    if image is not None:
        properties = attributes_of(image.properties) or {}
        facts["image"] = {"id": image.id if image.obj_attr_is_set("id") else None, "properties": properties}
    group = said("instance_group")
    if group is not None:
        facts["instance_group"] = _group(group)
    destination = said("requested_destination")
    if destination is not None:
        facts["requested_destination"] = _destination(destination)
    if said("numa_topology") is not None:
        facts["numa_topology"] = _primitive(spec.numa_topology)
    if said("pci_requests") is not None:
        facts["pci_requests"] = _primitive(spec.pci_requests)
    return RequestSpec(now=timeutils.utcnow(), **facts)


_FLAVOR = ("memory_mb", "vcpus", "root_gb", "ephemeral_gb", "swap", "name", "flavorid", "id", "extra_specs")


def _group(group: Any) -> dict[str, Any]:
    names = ("policy", "hosts", "members", "uuid", "name")
    found = {name: getattr(group, name) for name in names if group.obj_attr_is_set(name)}
    return {**found, "rules": group.rules or {}}


def _destination(destination: Any) -> dict[str, Any]:
    names = ("host", "node", "allow_cross_cell_move")
    found = {name: getattr(destination, name) for name in names if destination.obj_attr_is_set(name)}
    if destination.obj_attr_is_set("cell") and destination.cell is not None:
        found["cell"] = destination.cell.uuid
    return found


def _primitive(value: Any) -> Any:
    """One of Nova's objects as its own serialised text; a mapping or list as it is."""
    return value if isinstance(value, Mapping | list | str) else json.dumps(value.obj_to_primitive())
