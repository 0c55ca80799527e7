"""Law of reservations: places are used for others, owners fill them, and no host gives out more than it has."""

from __future__ import annotations

import random
from dataclasses import dataclass
from datetime import datetime, timedelta

import pytest

from filtersched import FilterScheduler, Flavor, HostPool, HostState, NoValidHost, RequestSpec, make_conf

CONF = make_conf(
    enabled_filters="RamFilter,CoreFilter",
    weight_classes="RAMWeigher",
    ram_allocation_ratio=1.0,
    cpu_allocation_ratio=1.0,
)
SCHEDULERS = {use_engine: FilterScheduler(CONF, use_engine=use_engine) for use_engine in (True, False)}
NOON = datetime(2026, 1, 31, 12)
FLAVORS = ((100, 1), (200, 1), (200, 2), (300, 4), (50, 2))


@dataclass
class Held:
    """A place, or an instance if it has no name."""

    host: str
    size: tuple[int, int]
    name: str = ""
    owner: str = ""
    until: datetime | None = None


class Plain:
    """The rule as it is told, on a list of what is where."""

    def __init__(self, sizes):
        self.sizes = sizes
        self.held = {}
        self.now = NOON

    def free(self, host, without=()):
        used = [one for uuid, one in self.held.items() if one.host == host and uuid not in without]
        return tuple(have - sum(one.size[at] for one in used) for at, have in enumerate(self.sizes[host]))

    def is_over(self, one):
        return bool(one.name) and one.until is not None and one.until <= self.now

    def expire(self):
        self.held = {uuid: one for uuid, one in self.held.items() if not self.is_over(one)}

    def fits(self, hosts, size, count, opened, allowed):
        """Whether greedy placing by free memory may choose these hosts, ties aside; None is whether it must fail."""
        taken = {host: [0, 0] for host in self.sizes}
        for index in range(count):
            left = {}
            for host in allowed:
                memory, cpus = (have - used for have, used in zip(self.free(host, opened), taken[host], strict=True))
                if memory >= size[0] and cpus >= size[1]:
                    left[host] = memory
            if not left:
                return hosts is None
            if hosts is None:
                # Which of the equal ones is chosen does not matter: they are alike, or nearly so.
                chosen = max(left, key=left.get)
            else:
                chosen = hosts[index]
                assert left.get(chosen) == max(left.values())
            taken[chosen][0] += size[0]
            taken[chosen][1] += size[1]
        return hosts is not None

    def fill(self, host, size, owner):
        """Take away the places that an instance fills."""
        needed, first = list(size), True
        for uuid, one in list(self.held.items()):
            if one.host == host and self.is_over(one):
                del self.held[uuid]
        soonest = sorted(self.held.items(), key=lambda item: (item[1].until or datetime.max, item[1].name))
        for uuid, one in soonest:
            is_mine = one.host == host and one.name and one.owner == owner
            if is_mine and (first or any(need > 0 for need in needed)):
                del self.held[uuid]
                needed, first = [need - have for need, have in zip(needed, one.size, strict=True)], False


def chosen(log, act, *args, **given):
    """What an act returns; None if there is no host, and the log has the words."""
    try:
        return act(*args, **given)
    except NoValidHost as refusal:
        log.append(str(refusal))
        return None


@pytest.mark.parametrize("seed", range(40))
def test_random_stories_of_reservations_follow_the_plain_rule(seed, tmp_path):
    logs = [Story(seed, use_engine, tmp_path).tell() for use_engine in (True, False)]
    assert logs[0] == logs[1]


class Story:
    """Random acts on a pool, each as the plain rule says. The log has which hosts were chosen, and what was refused."""

    def __init__(self, seed, use_engine, tmp_path):
        self.rng, self.log, self.path = random.Random(seed), [], tmp_path / "pool"
        rng = self.rng
        # Different sizes, so that two hosts are seldom equally free.
        sizes = {f"h{nr}": (rng.choice([400, 500, 600]) + nr, rng.choice([4, 6, 8])) for nr in range(3)}
        self.plain, self.scheduler = Plain(sizes), SCHEDULERS[use_engine]
        self.pool = HostPool(
            HostState(name, total_usable_ram_mb=ram, free_ram_mb=ram, vcpus_total=cpus)
            for name, (ram, cpus) in sizes.items()
        )
        self.pool.clock = lambda: self.plain.now

    def tell(self):
        """All of it, and the log."""
        for number in range(14):
            act = self.rng.choice(["reserve", "place", "place", "place", "release", "unreserve", "wait", "save"])
            getattr(self, act)(f"r{number}")
            self.check()
        return self.log

    def request(self):
        size, owner, count = self.rng.choice(FLAVORS), self.rng.choice("pq"), self.rng.choice([1, 1, 2, 3])
        spec = RequestSpec(Flavor(memory_mb=size[0], vcpus=size[1]), project_id=owner, num_instances=count)
        return size, owner, count, spec

    def reserve(self, name):
        plain, (size, owner, count, spec) = self.plain, self.request()
        before = plain.held
        plain.expire()
        until = self.rng.choice([None, plain.now + timedelta(hours=self.rng.randint(1, 3))])
        owners = {"project_id": owner}
        held = chosen(self.log, self.scheduler.reserve, spec, self.pool, count, name=name, owners=owners, until=until)
        if held is None:
            assert plain.fits(None, size, count, (), plain.sizes)
            # All or nothing: what was over is given back by the next placement.
            plain.held = before
            return
        for uuid in held.instance_uuids:
            host = self.pool.host_of(uuid).host
            assert all(have >= need for have, need in zip(plain.free(host), size, strict=True))
            plain.held[uuid] = Held(host, size, name, owner, until)

    def place(self, _name):
        plain, (size, owner, count, spec) = self.plain, self.request()
        plain.expire()
        mine = {uuid: one for uuid, one in plain.held.items() if one.name and one.owner == owner}
        placed = chosen(self.log, self.scheduler.place, spec, self.pool)
        hosts = placed and [one.host for one in placed]
        nodes = {one.host for one in mine.values()}
        restricted = len(mine) >= count and not plain.fits(None, size, count, mine, nodes)
        assert plain.fits(hosts, size, count, mine, nodes if restricted else plain.sizes)
        for one in placed or ():
            plain.fill(one.host, size, owner)
        for one in placed or ():
            plain.held[one.instance_uuid] = Held(one.host, size)

    def release(self, _name):
        ordinary = [uuid for uuid, one in self.plain.held.items() if not one.name]
        if ordinary:
            uuid = self.rng.choice(ordinary)
            self.pool.release(uuid)
            del self.plain.held[uuid]

    def unreserve(self, _name):
        names = sorted({one.name for one in self.plain.held.values()} - {""})
        if names:
            name = self.rng.choice(names)
            self.pool.unreserve(name)
            self.plain.held = {uuid: one for uuid, one in self.plain.held.items() if one.name != name}

    def wait(self, _name):
        self.plain.now += timedelta(hours=1)

    def save(self, _name):
        self.pool.save(self.path)
        self.pool = HostPool.load(self.path)
        self.pool.clock = lambda: self.plain.now

    def check(self):
        plain, pool = self.plain, self.pool
        self.log.append([(host.host, host.free_ram_mb, len(host.instances)) for host in pool])
        for host in pool:
            assert (host.free_ram_mb, plain.sizes[host.host][1] - host.vcpus_used) == plain.free(host.host)
            assert min(plain.free(host.host)) >= 0
            assert set(host.instances) == {uuid for uuid, one in plain.held.items() if one.host == host.host}
        assert set(pool.reservations) == {one.name for one in plain.held.values() if one.name}
