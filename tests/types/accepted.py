"""What a user's program may write: type checkers find nothing to complain of. Checked, not run."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from ipaddress import IPv4Network
from typing import Any

from oslo_config import cfg

import filtersched
from filtersched import (
    Aggregate,
    BaseHostFilter,
    BaseWeigher,
    FilterScheduler,
    Flavor,
    HostPool,
    HostState,
    Image,
    Instance,
    InstanceGroup,
    NoValidHost,
    RequestSpec,
    Retry,
    Selection,
    Shortage,
    host_attribute,
    make_conf,
    scheduler_from,
)
from filtersched.columns.frozen import FrozenDict
from filtersched.filters.ram_filter import RamFilter
from filtersched.inventory import read_hosts
from filtersched.testing import check_filter, check_weigher, make_host, make_spec, sample_hosts
from filtersched.weighers.ram_weigher import RAMWeigher

host = HostState(
    "cmp1",
    free_ram_mb=1024,
    capabilities={"load": 0.5},
    aggregates=[Aggregate("a", metadata={}), {"name": "b", "metadata": {"ssd": "true"}}],
    metrics={"cpu.percent": 0.5},
    instances={"u1": Instance("u1", image_properties={"os": "linux"})},
    traits=["HW_CPU_X86_AVX2"],
    resources={"CUSTOM_FPGA": (4, 1)},
    supported_instances=[("x86_64", "kvm", "hvm")],
    updated=datetime.now(UTC),
)
host.capabilities = {"load": 0.75}
host.aggregates = [Aggregate("a", metadata={"ssd": "true"})]
host.instances = [Instance("u1")]
host.traits = {"HW_CPU_X86_AVX2"}
host.limits["memory_mb"] = 2048
load: Any = host.capabilities["load"]
zone: str = host.aggregates[0].metadata.get("availability_zone", "nova")
node: str = HostState("cmp1", nodename=None).nodename
sizes: FrozenDict[str, int] = FrozenDict({"memory_mb": 512})
size: int = sizes["memory_mb"]

spec = RequestSpec(
    Flavor(memory_mb=512, extra_specs={"hw:cpu_policy": "dedicated"}),
    image=Image(properties={"hw_architecture": "x86_64"}),
    num_instances=2,
    ignore_hosts=["cmp9"],
    scheduler_hints={"different_host": ["u1"]},
    instance_group=InstanceGroup("anti-affinity", rules={"max_server_per_host": 2}, hosts=["cmp1"]),
    retry=Retry(num_attempts=2, hosts=["cmp1", ("cmp2", "node1")]),
    now="2026-01-31T12:00:00",
)
spec.ignore_hosts = ["cmp1"]
spec.scheduler_hints = {"same_host": "u1"}
spec.flavor = {"memory_mb": 512}
first: str = spec.ignore_hosts[0]
memory: float = spec.flavor.memory_mb
when: datetime = spec.now

pool = HostPool([host])
scheduler = scheduler_from(make_conf(enabled_filters="RamFilter"))
try:
    selections = scheduler.place(spec, pool, filters=["RamFilter"], return_alternates=True, seed=1, explain="full")
except NoValidHost as refusal:
    print(refusal.explanation.why("cmp1"), refusal.explanation.near_misses())
else:
    print([one.explanation.runner_up for one in selections], selections[0].limits.get("memory_mb"))
print(FilterScheduler().explain(spec, host).refused_by, filtersched.__version__)


class ListedOptions(BaseHostFilter):
    """Options as a list, what is read as a method, Nova's name for the request."""

    options = [cfg.IntOpt("most", default=3)]
    option_group = "acme"

    def host_reads(self, spec_obj: RequestSpec) -> Sequence[str]:
        return ["num_instances"]

    def host_passes(self, host_state: HostState, spec_obj: RequestSpec) -> bool:
        return host_state.num_instances < int(self.option("most"))

    def rejection_reason(self, host_state: HostState, spec_obj: RequestSpec) -> Shortage:
        return Shortage("instances", host_state.num_instances + 1, int(self.option("most")))


class OfTheFirstRelease(BaseHostFilter):
    """The request as the mapping that it once was, and its name then."""

    host_reads = ["free_ram_mb"]
    spec_reads = ["memory_mb"]

    def host_passes(self, host_state: HostState, filter_properties: RequestSpec) -> bool:
        return bool(host_state.free_ram_mb >= filter_properties["instance_type"]["memory_mb"])


class Quiet(BaseWeigher):
    """A weigher with a scale."""

    minval = 0
    maxval = 100.0
    host_reads = ("num_io_ops",)

    def _weigh_object(self, host_state: HostState, weight_properties: RequestSpec) -> float:
        return -host_state.num_io_ops


class RamAndProjectFilter(RamFilter):
    """A filter of ours that reads more of the request."""

    options = [*RamFilter.options, cfg.ListOpt("excluded_projects", default=[])]
    host_reads = (*RamFilter.host_reads, "host")
    spec_reads = ("memory_mb", "project_id")


class RamAboveHalfWeigher(RAMWeigher):
    """A weigher of ours with another scale and another option."""

    options = [cfg.FloatOpt("half_multiplier", default=1.0)]
    multiplier_option = "half_multiplier"
    minval = 0.5


class GpuHost(HostState):
    """A host that counts something more."""

    gpus: int = 0

    def consume_from_request(self, spec: RequestSpec) -> None:
        super().consume_from_request(spec)
        self.gpus -= 1


gpu_host = GpuHost("cmp1", gpus=4, free_ram_mb=1024)
gpus: int = gpu_host.copy().gpus


class RoutedHost(HostState):
    """A host with a network, which JSON lacks."""

    network: IPv4Network = host_attribute(default=IPv4Network("192.0.2.0/24"), check=IPv4Network, plain=str)
    rack: str


routed = RoutedHost("cmp1", "node1", rack="r1", network=IPv4Network("192.0.2.0/25"))
network: IPv4Network = RoutedHost.from_dict(routed.to_dict()).network
racks: list[str] = [found.rack for found in read_hosts("hosts.csv", host_class=RoutedHost)]
print(make_host(RoutedHost, rack="r1").rack, sample_hosts(host_class=GpuHost)[0].gpus, HostState.attributes["host"].doc)
read_back = Selection.from_dict({}, host_class=GpuHost)
check_filter(ListedOptions)
check_weigher(Quiet())
print(ListedOptions().host_passes(make_host(num_instances=3), make_spec(num_instances=2)))
asked: dict[str, Any] = {"memory_mb": 1024}
print(Flavor(**asked), RequestSpec(**asked), HostState("cmp1", **asked))
