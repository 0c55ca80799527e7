"""WishWeigher and PreviousHostWeigher, on both paths, against the rule as a plain loop."""

from __future__ import annotations

import random

import pytest

from filtersched import (
    Aggregate,
    FilterScheduler,
    Flavor,
    HostPool,
    HostState,
    Instance,
    InvalidHost,
    InvalidRequest,
    RequestSpec,
    make_conf,
)


@pytest.fixture(params=[True, False], ids=["engine", "handlers"])
def use_engine(request):
    return request.param


def scheduler(use_engine, weighers="WishWeigher", **options):
    given = {"wish_weight_multiplier": 1.0, "previous_host_weight_multiplier": 1.0, **options}
    conf = make_conf(enabled_filters="AllHostsFilter", weight_classes=weighers, **given)
    return FilterScheduler(conf, use_engine=use_engine)


def hosts():
    return [
        HostState("a", hypervisor_type="xen"),
        HostState("b", service={"availability_zone": "az1"}, num_io_ops=3),
        HostState("c", aggregates=[Aggregate("fast", {"rack": "r1", "availability_zone": "az2"})]),
        HostState("d", capabilities={"rack": "r7", "gpus": 2}),
    ]


def order(scheduler, **hints):
    """The names of the hosts, most wanted first."""
    spec = RequestSpec(scheduler_hints=hints)
    (selection,) = scheduler.select_destinations(spec, hosts(), return_alternates=True)
    return [selection.host, *(host.host for host in selection.alternates)]


@pytest.mark.parametrize(
    ("wish", "first"),
    [
        ("b", "b"),
        ("host:d", "d"),
        ("zone:az1", "b"),
        ("zone:az2", "c"),
        ("aggregate:fast", "c"),
        ("aggregate.rack:r1", "c"),
        ("hypervisor_type:xen", "a"),
        ("num_io_ops:3", "b"),
        ("capabilities.rack:r7", "d"),
        ("capabilities.gpus:2", "d"),
    ],
)
def test_host_that_is_wished_for_comes_first_and_last_where_it_is_avoided(use_engine, wish, first):
    made = scheduler(use_engine, max_attempts=4)
    assert order(made, prefer_host=wish)[0] == first
    assert order(made, avoid_host=[wish])[-1] == first


def test_weights_of_wishes_add_up(use_engine):
    made = scheduler(use_engine, max_attempts=4)
    wishes = ["a*2", "zone:az1*0.5", "capabilities.rack:r7", "capabilities.gpus:2*1.5"]
    assert order(made, prefer_host=wishes) == ["d", "a", "b", "c"]
    assert order(made, prefer_host=wishes, avoid_host="d*3") == ["a", "b", "c", "d"]


@pytest.mark.parametrize("wish", ["z", "rack:r1", "capabilities.rack:r9", "capabilities:r7", "instances:i1"])
def test_wish_that_no_host_fulfils_changes_nothing(use_engine, wish):
    assert order(scheduler(use_engine, max_attempts=4), prefer_host=wish) == ["a", "b", "c", "d"]


@pytest.mark.parametrize(
    ("hint", "said"),
    [
        ("zone:az1*much", "has no positive number up to 1000000 behind the *"),
        ("zone:az1*0", "has no positive number"),
        ("zone:az1*nan", "has no positive number"),
        ("*2", "names nothing to look for"),
        ("zone:", "names nothing to look for"),
        ("_owner:x", "must begin with host:, zone:, aggregate: or the name of an attribute"),
        ("a b:x", "must begin with host:"),
        ("capabilities.:x", "must begin with host:"),
        ("host.name:x", "has a key, and host has no items"),
        (["x"] * 101, "must be at most 100 texts"),
    ],
)
def test_wish_that_cannot_be_is_an_error_by_hint(use_engine, hint, said):
    with pytest.raises(InvalidRequest, match="the hint avoid_host") as caught:
        scheduler(use_engine).select_destinations(RequestSpec(scheduler_hints={"avoid_host": hint}), hosts())
    assert said in str(caught.value)
    assert caught.value.field == "scheduler_hints.avoid_host"


def test_disabled_weigher_reads_no_hint(use_engine):
    made = scheduler(use_engine, "all_weighers", wish_weight_multiplier=0.0)
    made.select_destinations(RequestSpec(scheduler_hints={"prefer_host": "*"}), hosts())


def plainly(host, hints):
    """What the page says, as a loop."""
    weight = 0.0
    for hint, sign in (("prefer_host", 1.0), ("avoid_host", -1.0)):
        for wish in hints.get(hint, []):
            wanted, _star, number = wish.partition("*")
            kind, value = wanted.split(":")
            if kind == "host":
                fulfilled = host.host == value
            elif kind == "zone":
                named = [one.metadata["availability_zone"] for one in host.aggregates if one.metadata]
                fulfilled = value in (named or [host.service.get("availability_zone") or "nova"])
            elif kind == "aggregate":
                fulfilled = any(one.name == value for one in host.aggregates)
            elif kind == "capabilities.rack":
                fulfilled = str(host.capabilities.get("rack")) == value
            else:
                fulfilled = str(host.num_io_ops) == value
            weight = weight + fulfilled * sign * float(number or 1)
    return weight


@pytest.mark.parametrize("seed", range(15))
def test_random_wishes_weigh_what_the_plain_rule_says(use_engine, seed):
    rng = random.Random(seed)
    pool = HostPool(
        HostState(
            f"h{at}",
            num_io_ops=rng.randrange(3),
            service=rng.choice([{}, {"availability_zone": "z1"}]),
            aggregates=rng.choice([[], [Aggregate("x")], [Aggregate("y", {"availability_zone": "z2"})]]),
            capabilities=rng.choice([{}, {"rack": "r1"}, {"rack": 2}]),
        )
        for at in range(15)
    )
    made = scheduler(use_engine)
    kinds = ["host:h3", "host:h9", "zone:z1", "zone:nova", "zone:z2", "aggregate:x", "capabilities.rack:r1"]
    kinds += ["capabilities.rack:2", "num_io_ops:1", "num_io_ops:0"]
    for _ in range(8):
        hints = {
            hint: [f"{wish}{rng.choice(['', '*2', '*0.25'])}" for wish in rng.sample(kinds, rng.randint(1, 3))]
            for hint in rng.sample(["prefer_host", "avoid_host"], rng.randint(1, 2))
        }
        spec = RequestSpec(scheduler_hints=hints)
        (selection,) = made.select_destinations(spec, pool)
        expected = [plainly(host, hints) for host in pool]
        assert [made.weighers[0]._weigh_object(host, spec) for host in pool] == expected
        assert selection.host == next(host.host for host in pool if plainly(host, hints) == max(expected))
        pool.update(f"h{rng.randrange(15)}", capabilities={"rack": "r1"}, num_io_ops=rng.randrange(3))


def test_instance_stays_where_it_is_at_a_rebuild_or_move(use_engine):
    made = scheduler(use_engine, "RAMWeigher,PreviousHostWeigher", previous_host_weight_multiplier=2.0)
    pool = HostPool(HostState(name, total_usable_ram_mb=9, free_ram_mb=free) for name, free in (("a", 9), ("b", 4)))
    pool.update("b", instances={"i1": Instance("i1")})
    spec = RequestSpec(Flavor(), instance_uuid="i1")
    assert made.select_destinations(spec, pool, ["i1"])[0].host == "b"
    assert made.select_destinations(RequestSpec(), pool, ["i2"])[0].host == "a"
    assert scheduler(use_engine, "all_weighers", previous_host_weight_multiplier=0.0).select_destinations(
        spec, pool, ["i1"]
    )[0].host == "a"


def test_disabled_previous_host_weigher_asks_once_for_many_instances():
    made = scheduler(True, "PreviousHostWeigher", previous_host_weight_multiplier=0.0)
    (weigher,) = made.weighers
    calls = []
    weigh = weigher._weigh_object
    weigher._weigh_object = lambda host, spec: calls.append(1) or weigh(host, spec)
    made = FilterScheduler(filters=["AllHostsFilter"], weighers=[weigher])
    made.select_destinations(RequestSpec(num_instances=50), [HostState(f"h{at}") for at in range(20)])
    assert len(calls) <= 3


@pytest.mark.parametrize("seed", range(5))
def test_host_with_the_most_bytes_of_the_image_comes_first(use_engine, seed):
    rng = random.Random(seed)
    made = scheduler(use_engine, "ImageCacheWeigher", image_cache_weight_multiplier=1.0)
    pool = HostPool(HostState(f"h{at}", images={"i": rng.randrange(5), "j": 9}) for at in range(12))
    for _ in range(5):
        image = rng.choice(["i", "j", "k", None])
        cached = [host.images.get(image, 0) if image else 0 for host in pool]
        (selection,) = made.select_destinations(RequestSpec(image=image and {"id": image}), pool)
        assert selection.host == next(host.host for host, size in zip(pool, cached, strict=True) if size == max(cached))
        pool.update(f"h{rng.randrange(12)}", images=rng.choice([{}, {"i": 7}, {"i": 2, "j": 1}]))


@pytest.mark.parametrize("images", [["i"], {"i": -1}, {"i": "big"}, {1: 2}])
def test_cache_that_cannot_be_is_an_error_by_host_and_attribute(images):
    with pytest.raises(InvalidHost) as caught:
        HostState("a", images=images)
    assert (caught.value.host, caught.value.attribute) == ("a", "images")
