"""Cached verdicts of a kind of request are used again until something changes that a filter reads."""

from datetime import datetime, timedelta

import pytest

from filtersched import (
    BaseHostFilter,
    FilterScheduler,
    Flavor,
    HostPool,
    HostState,
    NoValidHost,
    RequestSpec,
    make_conf,
)
from filtersched.weighers.server_group_soft_affinity_weigher import ServerGroupSoftAffinityWeigher

NOW = datetime(2026, 1, 31, 12)


class Fast(BaseHostFilter):
    """Counts how often it is asked; on columns that is once for all hosts."""

    host_reads = ("num_io_ops",)
    spec_reads = ("project_id",)
    columnar = True

    def __init__(self):
        self.asked = 0

    def host_passes(self, host_state, spec):
        self.asked += 1
        return host_state.num_io_ops < (1 if spec.project_id == "strict" else 5)


@pytest.fixture
def fast():
    return Fast()


@pytest.fixture
def pool():
    return HostPool(HostState(f"h{nr}", free_ram_mb=1024 * nr, total_usable_ram_mb=4096) for nr in range(4))


def chosen(scheduler, pool, **request):
    try:
        return scheduler.select_destinations(RequestSpec(**request), pool)[0].host
    except NoValidHost as refusal:
        return str(refusal).partition("\n")[0]


def test_requests_that_differ_in_what_is_needed_only_ask_once(fast, pool):
    scheduler = FilterScheduler(filters=["RamFilter", fast])
    for memory in (64, 128, 256):
        chosen(scheduler, pool, flavor=Flavor(memory_mb=memory))
    assert fast.asked == 1


def test_requests_of_two_kinds_in_turn_ask_once_for_each(fast, pool):
    scheduler = FilterScheduler(filters=[fast])
    for memory in (64, 128, 256):
        for project in ("strict", "lax"):
            chosen(scheduler, pool, project_id=project, flavor=Flavor(memory_mb=memory))
    assert fast.asked == 2


def test_a_change_of_what_is_read_asks_about_that_host(fast, pool):
    scheduler = FilterScheduler(filters=[fast])
    assert chosen(scheduler, pool) == "h3"
    pool.update("h3", num_io_ops=5)
    assert (chosen(scheduler, pool), fast.asked) == ("h2", 2)


def test_a_change_of_something_else_asks_nobody(fast, pool):
    scheduler = FilterScheduler(filters=[fast])
    assert chosen(scheduler, pool) == "h3"
    pool.update("h0", free_ram_mb=4096)
    assert (chosen(scheduler, pool), fast.asked) == ("h0", 1)


def test_one_verdict_for_all_hosts_ends_with_the_first_host_that_differs(fast, pool):
    scheduler = FilterScheduler(filters=[fast])
    for name, left in (("h3", "h2"), ("h2", "h1"), ("h1", "h0")):
        pool.update(name, num_io_ops=9)
        assert chosen(scheduler, pool) == left
    pool.update("h0", num_io_ops=9)
    assert chosen(scheduler, pool).startswith("No valid host was found. Instance 1 of 1: 4 hosts, 4 refused by Fast.")


def test_verdicts_that_depend_on_the_time_end_with_it(pool):
    conf = make_conf(service_down_time=60)
    scheduler = FilterScheduler(conf, filters=["ComputeFilter"])
    for nr in range(4):
        pool.update(f"h{nr}", service={"disabled": False, "last_seen_up": NOW - timedelta(seconds=10 * nr)})
    found = [chosen(scheduler, pool, now=NOW + timedelta(seconds=later)) for later in (0, 5, 35, 45, 0)]
    assert found == ["h3", "h3", "h2", "h1", "h3"]


def test_other_options_ask_again(pool):
    scheduler = FilterScheduler(filters=["IoOpsFilter"], weighers=["RAMWeigher"])
    pool.update("h3", num_io_ops=4)
    assert chosen(scheduler, pool) == "h3"
    scheduler.filters[0].bind({"max_io_ops_per_host": 3})
    assert chosen(scheduler, pool) == "h2"


class Crowded(ServerGroupSoftAffinityWeigher):
    """A rule of its own, which changes for all hosts from one instance to the next."""

    host_reads = ("host",)
    spec_reads = ("instance_group",)
    columnar = False

    def _weigh_object(self, host_state, weight_properties):
        return len(weight_properties.instance_group.hosts) * (-1) ** int(host_state.host[1:])


@pytest.mark.parametrize("kind", [ServerGroupSoftAffinityWeigher, Crowded])
def test_a_group_is_placed_as_by_handlers_whichever_hosts_its_weigher_changes_for(pool, kind):
    group = {"policy": "soft-affinity", "uuid": "g", "members": [], "hosts": []}
    found = []
    for use_engine in (True, False):
        weighers = ["RAMWeigher", kind()]
        scheduler = FilterScheduler(filters=["RamFilter"], weighers=weighers, use_engine=use_engine)
        spec = RequestSpec(flavor=Flavor(memory_mb=600), instance_group=group, num_instances=5)
        selections = scheduler.select_destinations(spec, pool)
        found.append([(one.host, one.weight, one.explanation.shares) for one in selections])
    assert found[0] == found[1]


def test_filters_that_read_no_group_are_not_asked_again_for_groups(fast, pool):
    scheduler = FilterScheduler(filters=["ServerGroupAntiAffinityFilter", fast])
    for nr in range(3):
        group = {"policy": "anti-affinity", "uuid": f"g{nr}", "members": [], "hosts": []}
        assert chosen(scheduler, pool, instance_group=group) == "h3"
    assert fast.asked == 1


class Gate(BaseHostFilter):
    """Lets the requests of all but one user through."""

    host_reads = ()
    spec_reads = ("user_id",)
    columnar = True

    def host_passes(self, host_state, spec):
        return spec.user_id != "nobody"


def test_answers_that_could_not_follow_many_changes_are_not_taken_for_current_later(fast):
    pool = HostPool(HostState(f"h{nr}", num_io_ops=nr % 2) for nr in range(40))
    scheduler = FilterScheduler(filters=[Gate(), fast], weighers=[])
    assert chosen(scheduler, pool) == "h0"
    for host in pool:
        host.num_io_ops = 9
    for user in ("nobody", "somebody"):
        with pytest.raises(NoValidHost):
            scheduler.select_destinations(RequestSpec(user_id=user), pool)


class GroupsOfLargeOnes(BaseHostFilter):
    """Reads the group of large requests only."""

    host_reads = ("num_io_ops",)
    spec_reads = ("memory_mb", "instance_group", "project_id")
    columnar = True

    def host_passes(self, host_state, spec):
        if spec.memory_mb < 10:
            return host_state.num_io_ops < 9
        return host_state.num_io_ops < (5 if spec.instance_group is None else 1)


def test_answers_made_without_the_group_are_not_taken_for_a_request_that_reads_it(pool):
    group = {"policy": "affinity", "uuid": "g", "members": [], "hosts": []}
    scheduler = FilterScheduler(filters=[GroupsOfLargeOnes], weighers=["RAMWeigher"])
    for nr in range(4):
        pool.update(f"h{nr}", num_io_ops=2 * nr)
    requests = [{"flavor": Flavor(64)}, {"flavor": Flavor(2), "instance_group": group}]
    requests.append({"flavor": Flavor(64), "instance_group": group})
    assert [chosen(scheduler, pool, **one) for one in requests] == ["h2", "h3", "h0"]
