"""Nova's own scheduling of a case: its real handlers, HostState and loop, and nothing around them.

Run by the Python of an environment that has Nova installed. Reads one JSON object a line from
stdin and answers each with one on stdout:

    {"do": "versions"}           {"nova": "34.0.0", "python": "3.11.7"}
    {"do": "decide", "case": …}  {"chosen": [{"host", "nodename", "weight", "alternates"}, …]}
                                 or {"failed": true}; {"raised": "ValueError: …"} if Nova raises
    {"do": "time", "case": …, "repeats": 3}
                                 the same, and "seconds": the fastest of so many
    {"do": "devices", "cases": […]}
                                 what devices.py says of each

There is no RPC, no database and no Placement: SchedulerManager._schedule takes the path it takes
when Placement is not asked, hosts are made here instead of read from the database.
"""

import contextlib
import importlib.metadata
import json
import logging
import os
import platform
import sys
import time
import uuid
import warnings
from datetime import datetime
from types import SimpleNamespace

warnings.simplefilter("ignore")

import acme_busy  # noqa: E402
import devices  # noqa: E402
import nova.conf  # noqa: E402
from nova import context as nova_context  # noqa: E402
from nova import objects  # noqa: E402
from nova.scheduler import filters, host_manager, manager, weights  # noqa: E402
from oslo_utils import timeutils  # noqa: E402

CONF = nova.conf.CONF
NAMES = uuid.UUID("5a1e0f3e-0d3c-4d1b-9d57-6f4b6f0f6f00")

# Where the options of a case stand in Nova.
GROUPS = {
    "service_down_time": None,
    "cpu_allocation_ratio": None,
    "ram_allocation_ratio": None,
    "disk_allocation_ratio": None,
    "max_attempts": "scheduler",
    "packing_host_numa_cells_allocation_strategy": "compute",
    "weight_setting": "metrics",
    "weight_multiplier": "metrics",
    "required": "metrics",
    "weight_of_unavailable": "metrics",
}
NOT_OPTIONS = ("filters", "weighers", "alternates", "shuffle")


class RamFilter(filters.BaseHostFilter):
    """What Nova dropped in release 22, so that memory is filtered by here too."""

    RUN_ON_REBUILD = False

    def host_passes(self, host_state, spec_obj):
        asked, total = spec_obj.memory_mb, host_state.total_usable_ram_mb
        if asked > total:
            return False
        ratio = host_state.ram_allocation_ratio or CONF.ram_allocation_ratio
        return asked <= total * ratio - (total - host_state.free_ram_mb)


class BusyFilter(filters.BaseHostFilter):
    """The filter of benchmarks/third_party.py."""

    RUN_ON_REBUILD = False

    def host_passes(self, host_state, spec_obj):
        return host_state.num_io_ops < 100 and host_state.free_ram_mb > spec_obj.memory_mb


def start():
    """Nova made ready, once a process."""
    logging.disable(logging.CRITICAL)
    CONF([], project="nova", default_config_files=[], default_config_dirs=[])
    CONF.set_override("track_instance_changes", False, "filter_scheduler")
    objects.register_all()
    devices.start()
    # What a weigher looks up in the database to read instances whose data is there already.
    objects.CellMapping.get_by_uuid = classmethod(lambda _cls, _context, _uuid: None)
    nova_context.target_cell = lambda context, _cell: contextlib.nullcontext(context)


class Hosts(host_manager.HostManager):
    """Nova's HostManager with the case's filters and weighers, and without a database."""

    def __init__(self, conf):
        handler = filters.HostFilterHandler()
        known = {each.__name__: each for each in handler.get_matching_classes(["nova.scheduler.filters.all_filters"])}
        known |= {"RamFilter": RamFilter, "BusyFilter": BusyFilter}
        known |= {each.__name__: each for each in (acme_busy.BusyHostFilter, acme_busy.RackHostFilter)}
        made = {name: known[name]() for name in conf["filters"]}
        self.filter_handler = handler
        self.enabled_filters = [made[name] for name in conf["filters"]]
        self.weight_handler = weights.HostWeightHandler()
        found = self.weight_handler.get_matching_classes(["nova.scheduler.weights.all_weighers"])
        classes = {each.__name__: each for each in found}
        self.weighers = [classes[name]() for name in conf["weighers"]]
        self.weight_of = {}

    def get_weighed_hosts(self, hosts, spec_obj):
        weighed = super().get_weighed_hosts(hosts, spec_obj)
        self.weight_of = {(one.obj.host, one.obj.nodename): one.weight for one in weighed}
        return weighed


class Scheduler(manager.SchedulerManager):
    """Nova's SchedulerManager, offered the case's hosts."""

    def __init__(self, conf, hosts):
        self.host_manager = Hosts(conf)
        self.hosts = hosts
        self.chosen = []

    def _get_all_host_states(self, context, spec_obj, provider_summaries):
        return iter(self.hosts)

    def _consume_selected_host(self, selected_host, spec_obj, instance_uuid=None):
        self.chosen.append(self.host_manager.weight_of[selected_host.host, selected_host.nodename])
        given = spec_obj.numa_topology
        super()._consume_selected_host(selected_host, spec_obj, instance_uuid)
        # Nova goes on with the cells that the last instance got.
        spec_obj.numa_topology = given

    def _get_sorted_hosts(self, spec_obj, host_states, index):
        # Its own generator of random numbers is not ours: only a choice among one is the same.
        assert CONF.filter_scheduler.host_subset_size == 1
        return super()._get_sorted_hosts(spec_obj, host_states, index)


def configure(conf):
    for name, value in conf.items():
        if name in NOT_OPTIONS:
            continue
        CONF.set_override(name, value, GROUPS.get(name, "filter_scheduler"))


def instance_uuid(name):
    return str(uuid.uuid5(NAMES, name))


def host_state(facts, aggregates):
    # Nova wants a cell in its answer; two hosts without one are in the same.
    state = host_manager.HostState(facts["host"], facts["nodename"], facts["cell_uuid"] or "no cell")
    for name, value in facts.items():
        if name in ("instances", "aggregates", "service", "host", "nodename", "cell_uuid", "metrics", "images"):
            continue
        if name in ("numa_topology", "pci_stats"):
            continue
        setattr(state, name, value)
    state.numa_topology = devices.topology(facts.get("numa_topology"))
    # One candidate of Placement, which the filters that look at devices judge.
    state.allocation_candidates = [{"mappings": {}}]
    state.pci_stats = devices.pools(facts.get("pci_stats"), state.numa_topology)
    images = facts.get("images", {})
    state.instances = {
        instance_uuid(name): objects.Instance(
            uuid=instance_uuid(name),
            image_ref=None,
            system_metadata={f"image_{key}": text for key, text in images.get(name, {}).items()},
        )
        for name in facts["instances"]
    }
    # One Aggregate for equal ones, as when they are read from the database.
    state.aggregates = [aggregates.setdefault(json.dumps(one), _aggregate(one)) for one in facts["aggregates"]]
    state.service = host_manager.ReadOnlyDict(_service(facts))
    state.metrics = [SimpleNamespace(name=name, value=value) for name, value in facts.get("metrics", {}).items()]
    state.uuid = instance_uuid(f"{state.host} {state.nodename}")
    if not hasattr(state, "stats"):
        state.stats = {}
    return state


def _service(facts):
    service = {"disabled": False, "host": facts["host"], **facts["service"]}
    if "last_seen_up" in service:
        service["last_seen_up"] = datetime.fromisoformat(service["last_seen_up"])
    return service


def _aggregate(facts):
    return objects.Aggregate(id=1, name=facts["name"], metadata=dict(facts["metadata"]), hosts=[])


def request_spec(request):
    known = {}
    if request.get("network_metadata") is not None:
        known["network_metadata"] = devices.networks(request["network_metadata"])
    return objects.RequestSpec(
        flavor=objects.Flavor(id=1, **{"extra_specs": {}, "name": "f", "flavorid": "f", **request["flavor"]}),
        num_instances=request["num_instances"],
        project_id=request.get("project_id"),
        availability_zone=request["availability_zone"],
        ignore_hosts=request["ignore_hosts"],
        force_hosts=request["force_hosts"],
        force_nodes=request["force_nodes"],
        instance_group=_group(request["group"]),
        requested_destination=_destination(request["destination"]),
        scheduler_hints=_hints(request["hints"]),
        image=_image(request.get("image")),
        pci_requests=devices.requests(request.get("pci_requests")),
        numa_topology=devices.guest(request.get("numa_topology")),
        **known,
        requested_resources=[],
        limits=objects.SchedulerLimits(),
        retry=None,
    )


def _group(group):
    if group is None:
        return None
    return objects.InstanceGroup(
        policy=group["policy"],
        policies=[group["policy"]],
        hosts=list(group["hosts"]),
        members=[instance_uuid(name) for name in group["members"]],
        _rules={name: str(value) for name, value in group["rules"].items()},
    )


def _destination(destination):
    if destination is None:
        return None
    given = {"node": destination["node"], "allow_cross_cell_move": destination["allow_cross_cell_move"]}
    if destination["host"] is not None:
        given["host"] = destination["host"]
    if destination["cell"] is not None:
        given["cell"] = objects.CellMapping(uuid=destination["cell"])
    return objects.Destination(**given)


def _hints(hints):
    named = ("same_host", "different_host")
    return {name: [instance_uuid(one) for one in values] if name in named else values for name, values in hints.items()}


def _image(image):
    if image is None:
        return None
    return objects.ImageMeta(id=image["id"], properties=objects.ImageMetaProps.from_dict(image["properties"]))


def offered(case):
    """The hosts of a case, without those of other cells that Nova would not have read."""
    destination = case["request"]["destination"]
    aggregates = {}
    hosts = [host_state(facts, aggregates) for facts in case["hosts"]]
    if destination is None or destination["cell"] is None or destination["allow_cross_cell_move"]:
        return hosts
    return [host for host in hosts if host.cell_uuid == destination["cell"]]


def decide(case):
    configure(case["conf"])
    request = case["request"]
    timeutils.set_time_override(datetime.fromisoformat(request["now"]))
    scheduler = Scheduler(case["conf"], offered(case))
    spec = request_spec(request)
    uuids = [instance_uuid(name) for name in request["uuids"]] or None
    context = nova_context.RequestContext("user", request.get("project_id"))
    began = time.perf_counter()
    try:
        found = scheduler._schedule(context, spec, uuids, None, None, return_alternates=case["conf"]["alternates"])
    except nova.exception.NoValidHost:
        return {"failed": True}, time.perf_counter() - began
    seconds = time.perf_counter() - began
    chosen = [
        {
            "host": one[0].service_host,
            "nodename": one[0].nodename,
            "weight": weight,
            "alternates": [[other.service_host, other.nodename] for other in one[1:]],
        }
        for one, weight in zip(found, scheduler.chosen)  # noqa: B905 - Nova's Python may be an old one
    ]
    return {"chosen": chosen}, seconds


def _of_devices(case):
    try:
        return devices.answer(case)
    except Exception as problem:
        # Nova's, to be compared.
        return {"raised": f"{type(problem).__name__}: {problem}"}


def answer(asked):
    if asked["do"] == "versions":
        return {"nova": importlib.metadata.version("nova"), "python": platform.python_version()}
    try:
        if asked["do"] == "devices":
            return [_of_devices(case) for case in asked["cases"]]
        if asked["do"] == "decide":
            return decide(asked["case"])[0]
        answers = [decide(asked["case"]) for _ in range(asked["repeats"])]
    except Exception as problem:
        # Nova's, to be compared: the caller knows whether it should have raised.
        return {"raised": f"{type(problem).__name__}: {problem}"}
    return {**answers[0][0], "seconds": min(seconds for _answer, seconds in answers)}


def main():
    # Whatever Nova prints goes to stderr; stdout is for answers.
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    start()
    for line in sys.stdin:
        print(json.dumps(answer(json.loads(line))), file=answers, flush=True)


if __name__ == "__main__":
    main()
