import pytest

from filtersched import HostState, RequestSpec
from filtersched.filters.trusted_filter import TrustedFilter
from filtersched.plugins.plugin import declaration_of


def spec(level):
    return RequestSpec(flavor={"extra_specs": {} if level is None else {"trust:trusted_host": level}})


def host(level):
    return HostState("cmp1", capabilities={} if level is None else {"trust_lvl": level})


@pytest.mark.parametrize("level", [None, "trusted", "untrusted"])
@pytest.mark.parametrize("asked", [None, ""])
def test_flavor_that_asks_for_no_trust_passes(level, asked):
    assert TrustedFilter().host_passes(host(level), spec(asked))


@pytest.mark.parametrize(
    ("level", "asked", "expected"),
    [
        ("trusted", "trusted", True),
        ("untrusted", "trusted", False),
        ("trusted", "untrusted", False),
        ("untrusted", "untrusted", True),
        ("Trusted", "trusted", False),
        ("unknown", "trusted", False),
        (None, "trusted", False),
    ],
)
def test_level_of_the_host_must_equal_the_one_asked_for(level, asked, expected):
    assert TrustedFilter().host_passes(host(level), spec(asked)) is expected


class AttestedFilter(TrustedFilter):
    """Refuse hosts that a table does not vouch for."""

    asked_for: list[str] = []

    def trust_level(self, host_state):
        self.asked_for.append(host_state.nodename)
        return {"cmp1": "trusted"}.get(host_state.nodename)


def test_level_comes_from_a_derived_filter_that_knows_it():
    assert AttestedFilter().host_passes(HostState("cmp1"), spec("trusted"))
    assert not AttestedFilter().host_passes(HostState("cmp2"), spec("trusted"))


def test_derived_filter_is_not_asked_for_a_level_that_nobody_wants():
    before = len(AttestedFilter.asked_for)
    assert AttestedFilter().host_passes(HostState("cmp9"), spec(None))
    assert len(AttestedFilter.asked_for) == before


def test_derived_filter_promises_nothing_so_no_answer_of_it_is_reused():
    assert declaration_of(TrustedFilter).spec_reads == ("extra_specs.trust:trusted_host",)
    assert declaration_of(AttestedFilter) is None


def test_reads_nothing_of_a_host_if_no_trust_is_asked_for():
    assert TrustedFilter().host_reads(spec(None)) == ()
    assert TrustedFilter().host_reads(spec("trusted")) == ("capabilities",)


def test_is_asked_for_the_first_instance_only_and_not_on_a_rebuild():
    rule = TrustedFilter()
    assert [rule.run_filter_for_index(index) for index in (0, 1)] == [True, False]
    assert not rule.asked_about(RequestSpec(scheduler_hints={"_nova_check_type": ["rebuild"]}))


@pytest.mark.parametrize(
    ("level", "asked", "said"),
    [
        ("untrusted", "trusted", "trust level is 'untrusted', the flavor asks 'trusted'"),
        (None, "trusted", "trust level is unknown, the flavor asks 'trusted'"),
        ("trusted", "trusted", None),
        (None, None, None),
    ],
)
def test_reason_says_what_is_asked_and_what_there_is(level, asked, said):
    assert TrustedFilter().rejection_reason(host(level), spec(asked)) == said
