"""Explanations: what hosts are called, words that are made once and never raise, and life in another process."""

from __future__ import annotations

import pickle
from decimal import Decimal

import pytest

from filtersched import (
    BaseHostFilter,
    FilterScheduler,
    Flavor,
    HostPool,
    HostState,
    InvalidRequest,
    NoValidHost,
    RequestSpec,
    Shortage,
    make_conf,
)

HERE = __name__


class CountingFilter(BaseHostFilter):
    """Refuses hosts with less memory than asked for, and counts how often it is asked why."""

    asked = 0

    def host_passes(self, host_state, spec):
        return host_state.free_ram_mb >= spec.memory_mb

    def rejection_reason(self, host_state, spec):
        type(self).asked += 1
        return Shortage("RAM", spec.memory_mb, host_state.free_ram_mb, "MB")


class ReasonFilter(BaseHostFilter):
    """Refuses all hosts, for the reason that a test gives."""

    reason = None

    def host_passes(self, host_state, spec):
        return False

    def rejection_reason(self, host_state, spec):
        if isinstance(self.reason, Exception):
            raise self.reason
        return self.reason


@pytest.fixture(params=[True, False], ids=["engine", "handlers"])
def decide(request):
    """Decides with filters, some of them of this module; gives selections, or the refusal."""
    ours = [f"{HERE}.CountingFilter", f"{HERE}.ReasonFilter"]

    def decided(hosts, filters=("CountingFilter",), *, explain="counts", **wanted):
        conf = make_conf(
            available_filters=["standard_filters", *ours], enabled_filters=list(filters), weight_classes=["RAMWeigher"]
        )
        spec = RequestSpec(Flavor(memory_mb=wanted.pop("memory_mb", 1)), **wanted)
        try:
            return FilterScheduler(conf, use_engine=request.param).select_destinations(spec, hosts, explain=explain)
        except NoValidHost as refusal:
            return refusal

    return decided


def nodes(*free, host="svc"):
    """Nodes of one service, each with some free memory."""
    return [HostState(host, f"node-{one}", total_usable_ram_mb=99, free_ram_mb=one) for one in free]


def known_outside(explanation):
    return pickle.loads(pickle.dumps(explanation))


# -- hosts with several nodes ------------------------------------------------------------------


@pytest.mark.parametrize("as_hosts", [list, HostPool])
def test_nodes_of_one_host_are_told_apart_in_a_refusal(decide, as_hosts):
    refusal = decide(as_hosts(nodes(3, 7, 5)), memory_mb=9)
    assert str(refusal).endswith("Nearest: svc/node-7 lacks 2 MB of RAM (free 7, asked 9).")
    assert [step.refused for step in refusal.explanation.steps] == [("svc/node-3", "svc/node-7", "svc/node-5")]
    assert [one.miss.partition(" ")[0] for one in refusal.explanation.near_misses()] == [
        "svc/node-7",
        "svc/node-5",
        "svc/node-3",
    ]


@pytest.mark.parametrize("as_hosts", [list, HostPool])
def test_next_best_node_of_the_same_host_is_named(decide, as_hosts):
    (chosen,) = decide(as_hosts(nodes(3, 7, 5)))
    assert (chosen.host, chosen.nodename) == ("svc", "node-7")
    assert chosen.explanation.runner_up == "svc/node-5"


def test_host_with_one_node_is_named_without_it(decide):
    hosts = [*nodes(3, 7), HostState("cmp1", "cmp1.example.net")]
    refusal = decide(hosts, memory_mb=9)
    assert refusal.explanation.steps[0].refused == ("svc/node-3", "svc/node-7", "cmp1")
    assert str(refusal.explanation.why("cmp1")).startswith("cmp1: CountingFilter: lacks 9 MB")


def test_nodes_that_the_request_leaves_out_count_all_the_same(decide):
    refusal = decide(nodes(3, 7), memory_mb=9, force_nodes=["node-3"], scheduler_hints={"_nova_check_type": "x"})
    excluded, refused = refusal.explanation.steps
    assert (excluded.name, excluded.refused) == ("force_nodes", ("svc/node-7",))
    assert refused.refused == ("svc/node-3",)


def test_full_explanation_names_the_nodes_that_were_weighed(decide):
    (chosen,) = decide([*nodes(3, 7), HostState("cmp1", free_ram_mb=5)], explain="full")
    assert chosen.explanation.ranked == ("svc/node-7", "cmp1", "svc/node-3")


@pytest.mark.parametrize("name", ["svc/node-7", "node-7"])
def test_why_is_asked_for_one_node(decide, name):
    refusal = decide(nodes(3, 7), memory_mb=9)
    assert str(refusal.explanation.why(name)) == "svc/node-7: CountingFilter: lacks 2 MB of RAM (free 7, asked 9)"


def test_why_of_a_host_with_several_nodes_names_them(decide):
    refusal = decide(nodes(3, 7), memory_mb=9)
    with pytest.raises(InvalidRequest, match="'svc' may be one of 'svc/node-3', 'svc/node-7'"):
        refusal.explanation.why("svc")


def test_why_of_a_node_name_that_two_hosts_have_names_both(decide):
    refusal = decide([*nodes(3, host="a"), *nodes(3, host="b")], memory_mb=9)
    with pytest.raises(InvalidRequest, match="'node-3' may be one of 'a/node-3', 'b/node-3'"):
        refusal.explanation.why("node-3")


def test_why_of_a_name_with_a_slash_is_that_host(decide):
    refusal = decide([HostState("rack/1"), HostState("rack/2")], memory_mb=9)
    assert refusal.explanation.why("rack/2").host == "rack/2"


@pytest.mark.parametrize("host", [None, 3, ("svc", "node-7")])
def test_why_of_what_is_no_host_is_an_error(decide, host):
    with pytest.raises(InvalidRequest, match="host must be a name or a HostState, not"):
        decide(nodes(3, 7), memory_mb=9).explanation.why(host)


def test_why_of_a_host_object_means_its_node(decide):
    hosts = nodes(3, 7)
    assert decide(hosts, memory_mb=9).explanation.why(hosts[1]).nodename == "node-7"


# -- words are made once -----------------------------------------------------------------------


def test_words_of_a_refusal_are_made_once(decide):
    refusal = decide([HostState("a"), HostState("b")], memory_mb=9)
    said = str(refusal)
    CountingFilter.asked = 0
    assert str(refusal) == said
    assert str(pickle.loads(pickle.dumps(refusal))) == said
    assert [one.host for one in refusal.explanation.near_misses()] == ["a", "b"]
    assert CountingFilter.asked == 0


def test_pickling_a_refusal_asks_each_host_once(decide):
    refusal = decide([HostState("a"), HostState("b")], memory_mb=9)
    CountingFilter.asked = 0
    pickle.dumps(refusal)
    pickle.dumps(refusal)
    assert CountingFilter.asked == 2


def test_more_near_misses_than_were_kept_are_looked_for_again(decide):
    hosts = [HostState(f"h{nr}", free_ram_mb=nr, total_usable_ram_mb=99) for nr in range(30)]
    explanation = decide(hosts, memory_mb=99).explanation
    assert [one.host for one in explanation.near_misses(2)] == ["h29", "h28"]
    assert [one.host for one in explanation.near_misses(30)] == [f"h{nr}" for nr in range(29, -1, -1)]


# -- words never raise -------------------------------------------------------------------------


class Wordless:
    def __str__(self):
        raise RuntimeError("no words")

    __repr__ = __str__

    def __sub__(self, other):
        raise RuntimeError("no numbers")

    __rsub__ = __float__ = __gt__ = __sub__


class WordlessError(Exception):
    __str__ = Wordless.__str__


class WordlessShortage(Shortage):
    __str__ = Wordless.__str__
    share = property(Wordless.__str__)


@pytest.mark.parametrize(
    ("reason", "said"),
    [
        (Shortage("RAM", None, 3), "lacks RAM (free 3, asked None)"),
        (Shortage("RAM", "much", "less", "MB"), "lacks MB of RAM (free less, asked much)"),
        (Shortage("RAM", float("nan"), 3), "lacks RAM (free 3, asked nan)"),
        (Shortage("RAM", float("inf"), 3), "lacks inf RAM (free 3, asked inf)"),
        (Shortage("RAM", float("inf"), float("inf")), "lacks RAM (free inf, asked inf)"),
        (Shortage("RAM", Decimal("1.5"), Decimal(1)), "lacks 0.5 RAM (free 1, asked 1.5)"),
        (Shortage("RAM", Decimal("1.5"), 1.0), "lacks RAM (free 1, asked 1.5)"),
        (Shortage(None, 2, 1, 7), "lacks 1 7 of None (free 1, asked 2)"),
        (Shortage(Wordless(), Wordless(), Wordless(), Wordless()), "lacks <Wordless> of <Wordless> (free <Wordless>"),
        (Shortage("RAM", 10**400, 1), "lacks 99999999999"),
        (Shortage("RAM", 10**5000, 1), "lacks <int> RAM (free 1, asked <int>)"),
        (WordlessShortage("RAM", 2, 1), "<WordlessShortage>"),
        (Wordless(), "ReasonFilter: <Wordless>"),
        (7, "ReasonFilter: 7"),
        (WordlessError(), "ReasonFilter: raised WordlessError: <WordlessError>"),
        ("x" * 1000, "ReasonFilter: " + "x" * 500 + "…."),
    ],
)
def test_refusal_has_words_whatever_reason_a_filter_gives(decide, monkeypatch, reason, said):
    monkeypatch.setattr(ReasonFilter, "reason", reason)
    refusal = decide([HostState("a")], ["ReasonFilter"])
    assert said in str(refusal)
    assert str(pickle.loads(pickle.dumps(refusal))) == str(refusal)


def test_shortages_that_cannot_be_reckoned_are_the_farthest_misses(decide, monkeypatch):
    odd = {"a": Shortage("RAM", None, 1), "b": Shortage("RAM", 4, 3), "c": Shortage("RAM", float("nan"), 1)}
    monkeypatch.setattr(ReasonFilter, "rejection_reason", lambda _self, host, _spec: odd[host.host])
    refusal = decide([HostState(name) for name in odd], ["ReasonFilter"])
    assert [one.host for one in refusal.explanation.near_misses()] == ["b", "a", "c"]


# -- in another process ------------------------------------------------------------------------


def test_pickled_explanation_knows_the_chosen_host_and_the_next_best(decide):
    (chosen,) = decide([HostState("a", free_ram_mb=1), HostState("b", free_ram_mb=9), HostState("c", free_ram_mb=5)])
    outside = known_outside(chosen.explanation)
    assert str(outside.why("b")) == "b: chosen"
    assert outside.why("b") == chosen.explanation.why("b")
    assert outside.why("c").verdicts == chosen.explanation.why("c").verdicts
    assert known_outside(outside).why("b") == outside.why("b")


def test_pickled_explanation_says_whom_it_knows(decide):
    (chosen,) = decide([HostState(f"h{nr}", free_ram_mb=nr) for nr in range(1, 9)])
    with pytest.raises(InvalidRequest, match="'h3' is not among those that a pickled explanation knows: 'h8', 'h7'"):
        known_outside(chosen.explanation).why("h3")


def test_pickled_explanation_tells_nodes_apart(decide):
    outside = known_outside(decide(nodes(3, 7), memory_mb=9).explanation)
    assert outside.why("svc/node-7").nodename == "node-7"
    with pytest.raises(InvalidRequest, match="'svc/node-7', 'svc/node-3'"):
        outside.why("svc")


# -- a choice that is pickled --------------------------------------------------------------------


def test_near_misses_of_a_pickled_choice_are_those_that_were_read_before():
    pool = HostPool([HostState("big", total_usable_ram_mb=99, free_ram_mb=99), HostState("small")])
    (chosen,) = FilterScheduler(make_conf(enabled_filters="RamFilter")).select_destinations(
        RequestSpec(Flavor(memory_mb=9)), pool
    )
    unread = pickle.loads(pickle.dumps(chosen.explanation))
    with pytest.raises(InvalidRequest, match="read near_misses"):
        unread.near_misses()
    assert [one.host for one in chosen.explanation.near_misses()] == ["small"]
    read = pickle.loads(pickle.dumps(pickle.loads(pickle.dumps(chosen.explanation))))
    assert read.near_misses() == chosen.explanation.near_misses()
    assert read.why("small") == chosen.explanation.why("small")


@pytest.mark.parametrize("change", [False, True])
def test_pickled_choice_knows_the_chosen_host_and_the_next_best_as_they_are(change):
    pool = HostPool(HostState(name, total_usable_ram_mb=99, free_ram_mb=free) for name, free in (("a", 90), ("b", 80)))
    scheduler = FilterScheduler(make_conf(enabled_filters="RamFilter,CoreFilter"))
    (chosen,) = scheduler.select_destinations(RequestSpec(Flavor(memory_mb=70)), pool)
    if change:
        pool["a"].free_ram_mb = 1
    outside = pickle.loads(pickle.dumps(chosen.explanation))
    for name in ("a", "b"):
        assert outside.why(name) == chosen.explanation.why(name)
    assert outside.why("a").chosen
    assert repr(outside.shares) == repr(chosen.explanation.shares)


def test_pickled_choice_knows_the_chosen_host_that_was_removed_since_and_says_the_counts():
    pool = HostPool(HostState(name, total_usable_ram_mb=99, free_ram_mb=free) for name, free in (("a", 90), ("b", 8)))
    scheduler = FilterScheduler(make_conf(enabled_filters="RamFilter,CoreFilter"))
    (chosen,) = scheduler.select_destinations(RequestSpec(Flavor(memory_mb=70)), pool)
    pool.remove("a")
    outside = pickle.loads(pickle.dumps(chosen.explanation))
    assert str(outside.why("a")) == "a: chosen"
    assert outside.summary() == "2 hosts, 1 refused by RamFilter."
    assert str(pickle.loads(pickle.dumps(outside))) == "2 hosts, 1 refused by RamFilter."


def test_pickling_a_placed_selection_asks_no_filter():
    class OnceFilter(BaseHostFilter):
        asked = 0

        def host_passes(self, host_state, spec):
            type(self).asked += 1
            return host_state.free_ram_mb >= spec.memory_mb

    pool = HostPool(HostState(name, total_usable_ram_mb=99, free_ram_mb=free) for name, free in (("a", 90), ("b", 80)))
    (chosen,) = FilterScheduler().place(RequestSpec(Flavor(memory_mb=70)), pool, filters=[OnceFilter])
    asked = OnceFilter.asked
    outside = pickle.loads(pickle.dumps(chosen))
    assert (OnceFilter.asked, outside.explanation.why("a").chosen) == (asked, True)
