"""Cached weights are used again only for requests, hosts and options that they were computed from."""

import numpy as np
import pytest

from filtersched import FilterScheduler, HostPool, HostState, RequestSpec, make_conf
from filtersched.engine.answer_cache import AnswerCache, Questions
from filtersched.engine.cached_weights import CachedWeights, weights_of
from filtersched.engine.candidates import Candidates
from filtersched.engine.latest import Latest
from filtersched.engine.overlay import Overlay
from filtersched.engine.request_keys import RequestKeys
from filtersched.engine.top_rows import RowMask
from filtersched.engine.weighing import WeigherRunner
from filtersched.weighers.base import BaseWeigher
from filtersched.weighers.ram_weigher import RAMWeigher

FREE = (2, 4, 8)


class Free(BaseWeigher):
    """A weigher whose scale is fixed, so that weights are fractions of eight."""

    minval = 0
    maxval = 8
    columnar = True
    host_reads = ("free_ram_mb",)
    spec_reads = ("project_id",)
    options = RAMWeigher.options
    multiplier_option = "ram_weight_multiplier"

    def _weigh_object(self, host_state, weight_properties):
        return host_state.free_ram_mb * (2 if weight_properties.project_id == "twice" else 1)


class World:
    """Three hosts, what is cached of them, and one weigher."""

    def __init__(self, aggregates=((), (), ())):
        given = zip(FREE, aggregates, strict=True)
        self.pool = HostPool(
            HostState(f"h{nr}", free_ram_mb=free, aggregates=aggregate) for nr, (free, aggregate) in enumerate(given)
        )
        self.answers = AnswerCache(self.pool.rows)
        self.weights: Latest[CachedWeights] = Latest(4)
        self.use(Free)

    def use(self, kind, multiplier=1.0):
        self.weigher = WeigherRunner(kind())
        self.weigher.plugin.bind({"ram_weight_multiplier": multiplier})

    def found(self, project="once"):
        rows = self.pool.rows
        request = RequestKeys(RequestSpec(project_id=project), rows)
        self.answers.catch_up()
        sources = self.answers.find(Questions([self.weigher.evaluator]), request)
        candidates = Candidates(len(rows))
        return weights_of(self.weights, [self.weigher], sources, Overlay(rows), self.answers, request, candidates)

    def totals(self, project="once"):
        return self.found(project).totals(RowMask(None), self.pool.rows)


@pytest.fixture
def world():
    return World()


def aggregate(multiplier):
    return [{"name": f"times {multiplier}", "metadata": {"ram_weight_multiplier": multiplier}}]


def test_totals_are_used_again_for_requests_of_one_kind(world):
    assert world.totals() is world.totals()


def test_a_request_of_another_kind_has_other_totals(world):
    assert world.totals().totals.tolist() == [0.25, 0.5, 1.0]
    assert world.totals("twice").totals.tolist() == [0.5, 1.0, 1.0]


def test_another_value_of_an_option_makes_other_totals(world):
    assert world.totals().totals.tolist() == [0.25, 0.5, 1.0]
    world.weigher.plugin.bind({"ram_weight_multiplier": -1.0})
    assert world.totals().totals.tolist() == [-0.25, -0.5, -1.0]


def test_other_multipliers_of_hosts_make_other_totals(world):
    assert world.totals().totals.tolist() == [0.25, 0.5, 1.0]
    for name, multiplier in (("h0", "4"), ("h2", "0")):
        world.pool.update(name, aggregates=aggregate(multiplier))
    assert world.totals().totals.tolist() == [1.0, 0.5, 0.0]


@pytest.mark.parametrize(
    ("aggregates", "totals"),
    [(((), (), ()), [0.25, 0.75, 1.0]), ((aggregate("1"), aggregate("4"), aggregate("-1")), [0.25, 3.0, -1.0])],
)
def test_a_dirty_row_is_weighed_again_with_its_own_multiplier(aggregates, totals):
    world = World(aggregates)
    before = world.totals()
    world.pool.update("h1", free_ram_mb=6)
    assert world.totals() is before
    assert before.totals.tolist() == totals


def test_the_best_two_follow_a_dirty_row(world):
    assert [world.totals().best(RowMask(None), 2) for _ in range(2)] == [[2, 1], [2, 1]]
    world.pool.update("h2", free_ram_mb=3)
    assert world.totals().best(RowMask(None), 2) == [1, 2]


def test_totals_of_rows_that_went_are_not_used(world):
    world.totals()
    world.pool.remove("h1")
    assert world.totals().totals.tolist() == [0.25, 1.0]


def test_totals_that_are_not_finite_are_not_cached(world):
    world.use(type("Free", (Free,), {"maxval": None, "normalized": False}), multiplier=1e308)
    assert world.totals() is None


def test_ends_of_the_scale_are_those_of_the_live_hosts():
    world = World()
    world.use(type("Free", (Free,), {"minval": None, "maxval": None}))
    totals = [world.found().totals(RowMask(np.array(alive)), world.pool.rows) for alive in ([True] * 3, [1, 1, 0])]
    assert [one.totals.tolist()[:2] for one in totals[::-1]] == [[0.0, 1.0], [0.0, pytest.approx(1 / 3)]]


@pytest.mark.parametrize("multiplier", [0.0, 1.0])
def test_weighers_that_cannot_tell_hosts_apart_are_explained_as_handlers_do(multiplier):
    hosts = [HostState(f"h{nr}", free_ram_mb=free, num_io_ops=nr) for nr, free in enumerate(FREE)]
    conf = make_conf(
        weight_classes=["RAMWeigher", "DiskWeigher", "IoOpsWeigher"],
        disk_weight_multiplier=3.0,
        io_ops_weight_multiplier=multiplier,
    )
    shares = []
    for use_engine in (True, False):
        scheduler = FilterScheduler(conf, use_engine=use_engine, filters=[])
        pool = HostPool(one.copy() for one in hosts)
        for free in (3, 1):
            pool.update("h0", free_ram_mb=free)
            (selection,) = scheduler.select_destinations(RequestSpec(), pool)
            shares.append((selection.host, selection.weight, selection.explanation.shares))
    assert shares[:2] == shares[2:]


@pytest.mark.parametrize("order", [("RAMWeigher", "ProjectSpreadWeigher"), ("ProjectSpreadWeigher", "RAMWeigher")])
def test_weights_of_requests_that_one_weigher_tells_apart_are_those_of_the_handlers(order):
    found = []
    for use_engine in (True, False):
        of_project = [{f"i{nr}": {"project_id": f"p{nr % 3}"}} for nr in range(7)]
        hosts = [HostState(f"h{nr}", free_ram_mb=1000 * nr, instances=one) for nr, one in enumerate(of_project)]
        pool = HostPool(hosts)
        scheduler = FilterScheduler(filters=[], weighers=list(order), use_engine=use_engine)
        specs = [RequestSpec(project_id=f"p{nr % 3}") for nr in range(6)]
        found.append([(one.host, one.weight) for spec in specs for one in scheduler.place(spec, pool, seed=1)])
    assert found[0] == found[1]
