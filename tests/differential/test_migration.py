"""Moves between CPUs: the engine decides as the handlers do, and both as the rule says."""

from __future__ import annotations

import itertools
import random

from filtersched import FilterScheduler, HostPool, HostState, NoValidHost, RequestSpec, make_conf

FEATURES = ("aes", "avx", "avx2", "sse4_2")


def cpu(draw):
    if draw.random() < 0.2:
        return None
    features = draw.sample(FEATURES, draw.choice((0, 1, 3, 4, 4)))
    return {"features": features, "arch": draw.choice(("x86_64", "x86_64", "x86_64", "aarch64", ""))}


def hosts_of(cpus):
    return [
        HostState(
            f"h{row}",
            cpu_info=one,
            total_usable_ram_mb=8,
            free_ram_mb=6,
            instances=[{"uuid": f"i{row}", "flavor": {"memory_mb": 2}}],
        )
        for row, one in enumerate(cpus)
    ]


def test_engine_handlers_and_the_rule_agree_on_every_move():
    conf = make_conf(enabled_filters="RamFilter,MigrationCompatibilityFilter", weight_classes="RAMWeigher")
    schedulers = [FilterScheduler(conf), FilterScheduler(conf, use_engine=False)]
    for seed in range(60):
        draw = random.Random(seed)
        cpus = [cpu(draw) for _ in range(6)]
        pools = [HostPool(hosts_of(cpus)) for _ in schedulers]
        for step in range(6):
            count = draw.choice((1, 1, 2))
            uuids = [f"i{row}" for row in draw.sample(range(len(cpus)), count)]
            ignored = [f"h{row}" for row in draw.sample(range(len(cpus)), 3)]
            spec = {"flavor": {"memory_mb": 2}, "ignore_hosts": ignored}
            answers = []
            for scheduler, pool in zip(schedulers, pools, strict=True):
                sources = {uuid: pool.host_of(uuid).cpu_info for uuid in uuids}
                try:
                    found = scheduler.place(RequestSpec(**spec), pool, uuids, seed=step, move=True)
                except NoValidHost as refusal:
                    answers.append(str(refusal))
                    continue
                answers.append([(one.instance_uuid, one.host, one.weight) for one in found])
                for one in found:
                    assert may_go(sources[one.instance_uuid], pool[one.host].cpu_info)
            assert answers[0] == answers[1]


def may_go(source, target):
    """The rule in other words."""
    if source is None:
        return True
    if target is None or {source["arch"], target["arch"]} - {""} == {"x86_64", "aarch64"}:
        return False
    return not any(itertools.filterfalse(target["features"].__contains__, source["features"]))
