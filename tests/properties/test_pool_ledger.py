"""Any interleaving of commits, reports, releases and moves: the figures are those of a ledger kept beside the pool."""

from __future__ import annotations

from datetime import datetime, timedelta

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from filtersched import FilterScheduler, Flavor, HostPool, HostState, RequestSpec, make_conf

SCHEDULER = FilterScheduler(make_conf(enabled_filters="AllHostsFilter", weight_classes=""))
HOSTS = ("a", "b", "c")
TOTAL_MB, CPUS = 10**6, 10**4


class PoolBesideALedger(RuleBasedStateMachine):
    """The ledger knows which instance is where and what else each host uses: that is the truth.

    What a host measures comes late: it is the truth of an earlier moment.
    """

    def __init__(self) -> None:
        super().__init__()
        self.now = datetime(2026, 1, 2)
        self.pool = HostPool(
            HostState(name, total_usable_ram_mb=TOTAL_MB, free_ram_mb=TOTAL_MB, vcpus_total=CPUS) for name in HOSTS
        )
        self.pool.clock = lambda: self.now
        self.where: dict[str, str] = {}
        self.flavors: dict[str, Flavor] = {}
        # What the host itself uses, as last reported; None where a figure was not reported since.
        self.used_mb = dict.fromkeys(HOSTS, 0)
        self.measured: list[tuple[str, datetime, int, int, list[str]]] = []
        self.reported: dict[str, datetime] = {}
        self.count = 0

    def tick(self) -> None:
        self.now += timedelta(seconds=1)

    @rule(host=st.sampled_from(HOSTS), memory_mb=st.integers(0, 500), vcpus=st.integers(0, 8))
    def commit(self, host: str, memory_mb: int, vcpus: int) -> None:
        self.tick()
        self.count += 1
        uuid = f"i{self.count}"
        flavor = Flavor(memory_mb=memory_mb, vcpus=vcpus)
        SCHEDULER.place(RequestSpec(flavor, force_hosts=[host]), self.pool, [uuid])
        self.where[uuid], self.flavors[uuid] = host, flavor

    @precondition(lambda self: self.where)
    @rule(data=st.data())
    def release(self, data: st.DataObject) -> None:
        self.tick()
        uuid = data.draw(st.sampled_from(sorted(self.where)))
        self.pool.release(uuid)
        del self.where[uuid]

    @precondition(lambda self: self.where)
    @rule(data=st.data(), to=st.sampled_from(HOSTS))
    def move(self, data: st.DataObject, to: str) -> None:
        self.tick()
        uuid = data.draw(st.sampled_from(sorted(self.where)))
        spec = RequestSpec(self.flavors[uuid], force_hosts=[to])
        self.pool.move(SCHEDULER.select_destinations(spec, self.pool, [uuid]))
        self.where[uuid] = to

    @rule(host=st.sampled_from(HOSTS), used_mb=st.integers(0, 100))
    def measure(self, host: str, used_mb: int) -> None:
        """The host looks at itself; its report may come later."""
        self.tick()
        here = [uuid for uuid, name in self.where.items() if name == host]
        free = TOTAL_MB - used_mb - sum(self.flavors[uuid].memory_mb for uuid in here)
        self.measured.append((host, self.now, used_mb, free, here))

    @precondition(lambda self: self.measured)
    @rule(data=st.data(), with_list=st.booleans(), with_cpus=st.booleans())
    def report(self, data: st.DataObject, with_list: bool, with_cpus: bool) -> None:
        self.tick()
        host, when, used_mb, free, here = data.draw(st.sampled_from(self.measured))
        figures = {"free_ram_mb": free}
        if with_cpus:
            figures["vcpus_used"] = sum(self.flavors[uuid].vcpus for uuid in here)
        answer = self.pool.report(host, observed_at=when, instances=here if with_list else None, **figures)
        assert answer.accepted == (when >= self.reported.get(host, when))
        if answer.accepted:
            self.reported[host] = when
            self.used_mb[host] = used_mb

    @invariant()
    def figures_are_those_of_the_ledger(self) -> None:
        for name in HOSTS:
            host = self.pool[name]
            here = [self.flavors[uuid] for uuid, at in self.where.items() if at == name]
            assert host.free_ram_mb == TOTAL_MB - self.used_mb[name] - sum(flavor.memory_mb for flavor in here)
            assert host.vcpus_used == sum(flavor.vcpus for flavor in here)
            assert host.num_instances == len(here)
            assert set(host.instances) == {uuid for uuid, at in self.where.items() if at == name}


TestPoolBesideALedger = PoolBesideALedger.TestCase
TestPoolBesideALedger.settings = settings(
    max_examples=60, stateful_step_count=25, deadline=None, suppress_health_check=list(HealthCheck)
)
