"""Small random clusters with plain rules of their own, and the best of all plans of moves, found by trying all."""

from __future__ import annotations

import itertools
import math
import random
from dataclasses import dataclass

from filtersched import HostPool, HostState

FILTERS = "RamFilter,CoreFilter,AvailabilityZoneFilter"


@dataclass(frozen=True)
class Thing:
    """An instance: what it takes, and where it may be."""

    uuid: str
    ram: int
    vcpus: int
    group: str | None
    zone: str | None


class SmallCluster:
    """Hosts with memory, CPUs and a zone; instances that may be kept apart.

    where : the place of each instance's host.
    """

    def __init__(
        self, seed: int, *, most_hosts: int = 4, most_states: int = 5000, keeps_rules: bool = True
    ) -> None:
        """keeps_rules : False puts instances where they may not be, too."""
        draw = random.Random(seed)
        count = draw.randint(3, most_hosts)
        self.ram = [draw.choice((4, 6, 8)) for _ in range(count)]
        self.vcpus = [draw.choice((4, 8)) for _ in range(count)]
        self.zone = [draw.choice(("az1", "az2")) if draw.random() < 0.3 else "az1" for _ in range(count)]
        self.things: list[Thing] = []
        self.where: tuple[int, ...] = ()
        most = int(math.log(most_states, count))
        wanted = draw.randint(3, most)
        for _attempt in range(2 * most):
            at = len(self.things)
            if at == wanted:
                break
            group = draw.choice((None, None, "g1", "g2"))
            zone = draw.choice((None, None, None, "az1"))
            self.things.append(Thing(f"i{at}", draw.choice((1, 1, 2, 2, 3, 4)), draw.choice((1, 1, 2)), group, zone))
            # Skewed, so that there is something to even out.
            anywhere = not keeps_rules and draw.random() < 0.5
            rows = [row for row in (0, 1, *range(count)) if anywhere or self.allows((*self.where, -1), at, row)]
            if not rows:
                self.things.pop()
                continue
            self.where = (*self.where, draw.choice(rows[:2] if draw.random() < 0.6 else rows))

    def allows(self, where: tuple[int, ...], at: int, row: int) -> bool:
        """Whether an instance may be on a host, where the others are at these places."""
        thing, ram, vcpus = self.things[at], self.things[at].ram, self.things[at].vcpus
        if thing.zone is not None and thing.zone != self.zone[row]:
            return False
        for other, place in enumerate(where):
            if other != at and place == row:
                there = self.things[other]
                if thing.group is not None and there.group == thing.group:
                    return False
                ram += there.ram
                vcpus += there.vcpus
        return ram <= self.ram[row] and vcpus <= self.vcpus[row]

    def reachable(self, moves: int | None, *, closed: int | None = None) -> dict[tuple[int, ...], int]:
        """Every place of the instances that so many allowed moves lead to, and after how many.

        closed : a host that no move goes to.
        """
        found = {self.where: 0}
        last = [self.where]
        for count in itertools.count(1):
            if not last or (moves is not None and count > moves):
                return found
            new = []
            for where in last:
                for at, row in itertools.product(range(len(where)), range(len(self.ram))):
                    if row in (where[at], closed):
                        continue
                    after = (*where[:at], row, *where[at + 1 :])
                    if after not in found and self.allows(where, at, row):
                        found[after] = count
                        new.append(after)
            last = new
        raise AssertionError("the loop ends")

    def has_room(self, where: tuple[int, ...], ram: int, vcpus: int, zone: str) -> bool:
        """Whether a host of the zone has so much free."""
        for row in range(len(self.ram)):
            there = [self.things[at] for at, place in enumerate(where) if place == row]
            free = self.ram[row] - sum(one.ram for one in there), self.vcpus[row] - sum(one.vcpus for one in there)
            if self.zone[row] == zone and free[0] >= ram and free[1] >= vcpus:
                return True
        return False

    def broken(self, where: tuple[int, ...]) -> int:
        """How many instances may not be where they are."""
        return sum(not self.allows(where, at, row) for at, row in enumerate(where))

    def imbalance(self, where: tuple[int, ...]) -> float:
        """Deviation of the used share of memory, and that of CPUs."""
        total = 0.0
        for what, have in (("ram", self.ram), ("vcpus", self.vcpus)):
            shares = [
                sum(getattr(self.things[at], what) for at, place in enumerate(where) if place == row) / have[row]
                for row in range(len(have))
            ]
            mean = sum(shares) / len(shares)
            total += math.sqrt(sum((one - mean) ** 2 for one in shares) / len(shares))
        return total

    def pool(self) -> HostPool:
        """The same as a pool."""
        hosts = []
        for row, (ram, vcpus) in enumerate(zip(self.ram, self.vcpus, strict=True)):
            here = [thing for thing, place in zip(self.things, self.where, strict=True) if place == row]
            hosts.append(
                HostState(
                    f"h{row}",
                    total_usable_ram_mb=ram,
                    free_ram_mb=ram - sum(one.ram for one in here),
                    vcpus_total=vcpus,
                    vcpus_used=sum(one.vcpus for one in here),
                    ram_allocation_ratio=1.0,
                    cpu_allocation_ratio=1.0,
                    service={"availability_zone": self.zone[row]},
                    num_instances=len(here),
                    instances=[
                        {
                            "uuid": one.uuid,
                            "flavor": {"memory_mb": one.ram, "vcpus": one.vcpus},
                            "groups": [] if one.group is None else [one.group],
                            "availability_zone": one.zone,
                        }
                        for one in here
                    ],
                )
            )
        return HostPool(hosts)

    @staticmethod
    def groups() -> list[dict[str, str]]:
        """The groups of the instances."""
        return [{"uuid": name, "policy": "anti-affinity"} for name in ("g1", "g2")]

    def after(self, plan) -> tuple[int, ...]:
        """Where a plan leads, once each of its moves was found to be allowed at its turn."""
        where = self.where
        places = {thing.uuid: at for at, thing in enumerate(self.things)}
        for move in plan.moves:
            at, row = places[move.instance_uuid], int(move.target.removeprefix("h"))
            assert move.source == f"h{where[at]}"
            assert self.allows(where, at, row), f"{move} breaks a rule"
            where = (*where[:at], row, *where[at + 1 :])
        return where
