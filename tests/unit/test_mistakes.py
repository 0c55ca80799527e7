"""The mistakes that authors of plug-ins and drivers make, each with the sentence that they get."""

import copy
import pickle

import pytest
from oslo_config import cfg

from filtersched import (
    BaseHostFilter,
    BaseWeigher,
    FilterschedError,
    FilterScheduler,
    Flavor,
    HostPool,
    HostState,
    InvalidAnswer,
    NoValidHost,
    PluginLoadError,
    RequestSpec,
    Scheduler,
    UndeclaredRead,
)
from filtersched.testing import ConformanceError, check_filter


def hosts(kind=HostState):
    return [kind(f"h{n}", free_ram_mb=1000 * n, total_usable_ram_mb=8000) for n in range(3)]


def decide(filters=(), weighers=(), driver=FilterScheduler, *, use_engine=True, offered=None):
    scheduler = driver(filters=list(filters), weighers=list(weighers), use_engine=use_engine)
    return scheduler.select_destinations(RequestSpec(Flavor(memory_mb=100)), hosts() if offered is None else offered)


# -- seen when the class is loaded -------------------------------------------------------------------


class LimitsIsText(BaseHostFilter):
    limits = "x"


class IndexIsText(BaseHostFilter):
    run_filter_for_index = "always"


class AnswerIsText(BaseHostFilter):
    host_passes = "yes"


class TakesTooFew(BaseHostFilter):
    def host_passes(self, host):
        return True


class IsStatic(BaseHostFilter):
    @staticmethod
    def host_passes(host):
        return True


class IsAsync(BaseHostFilter):
    async def host_passes(self, host_state, spec):
        return False


class Yields(BaseHostFilter):
    def host_passes(self, host_state, spec):
        yield False


class YieldsWeight(BaseWeigher):
    def _weigh_object(self, host_state, spec):
        yield 1.0


class ReadsText(BaseHostFilter):
    host_reads = "free_ram_mb"


class ReadsSet(BaseHostFilter):
    host_reads = {"free_ram_mb"}


class ReadsNumber(BaseHostFilter):
    host_reads = ("free_ram_mb", 5)


class AsksForText(BaseHostFilter):
    host_reads = ("free_ram_mb",)
    spec_reads = "flavor"


class OneOption(BaseHostFilter):
    options = cfg.IntOpt("most")


class EndIsText(BaseWeigher):
    minval = "0"


@pytest.mark.parametrize(
    ("kind", "sentence"),
    [
        (LimitsIsText, "limits is 'x', and not a method"),
        (IndexIsText, "run_filter_for_index is 'always', and not a method"),
        (AnswerIsText, "host_passes is 'yes', and not a method"),
        (TakesTooFew, r"host_passes\(self, host\) is called with 2 arguments"),
        (IsStatic, r"host_passes\(host\) is called with 2 arguments"),
        (IsAsync, "host_passes is declared async, and nothing awaits it; write def"),
        (Yields, "host_passes has a yield, so it returns a generator; return the answer"),
        (YieldsWeight, "_weigh_object has a yield, so it returns a generator; return the answer"),
        (ReadsText, r"host_reads is 'free_ram_mb'; write a tuple of names, \('free_ram_mb',\), or a method"),
        (ReadsSet, r"host_reads is {'free_ram_mb'}; write a tuple of names, \('free_ram_mb',\), or a method"),
        (ReadsNumber, "host_reads names 5, which is no text"),
        (AsksForText, r"spec_reads is 'flavor'; write a tuple of names, \('flavor',\)"),
        (OneOption, "options is <.*IntOpt.*>; write a tuple of oslo.config options"),
        (EndIsText, "minval is '0', and not a number"),
    ],
)
def test_class_that_cannot_answer_is_told_when_it_is_loaded(kind, sentence):
    given = {"filters": [kind]} if issubclass(kind, BaseHostFilter) else {"weighers": [kind]}
    with pytest.raises(PluginLoadError, match=sentence) as error:
        decide(**given)
    assert error.value.name == kind.__name__
    assert f"{__name__}:{kind.__qualname__}" in str(error.value)


def test_object_that_cannot_answer_is_told_with_its_place():
    with pytest.raises(PluginLoadError, match=r"'IsAsync' \(filters\[1\]\): host_passes is declared async"):
        decide(["RamFilter", IsAsync()])


def test_everything_that_is_wrong_with_a_class_is_told_at_once():
    class Hopeless(BaseHostFilter):
        host_reads = "host"
        limits = {}

    with pytest.raises(PluginLoadError, match=r"limits is {}, and not a method; host_reads is 'host'; write a tuple"):
        decide([Hopeless])


# -- seen when the plug-in is asked ------------------------------------------------------------------


class ReadsRam(BaseHostFilter):
    host_reads = ("free_ram_mb",)
    spec_reads = ("flavor",)


class Subscripts(ReadsRam):
    host_reads = ("free_ram_mb",)

    def host_passes(self, host_state, spec):
        return spec["instance_type"] is not None


class Gets(ReadsRam):
    host_reads = ("free_ram_mb",)

    def host_passes(self, host_state, spec):
        return spec.get("flavor") is not None


class LooksIn(ReadsRam):
    host_reads = ("free_ram_mb",)

    def host_passes(self, host_state, spec):
        return "flavor" in spec


class Iterates(ReadsRam):
    host_reads = ("free_ram_mb",)

    def host_passes(self, host_state, spec):
        return list(spec) != []


class AsksForHint(ReadsRam):
    host_reads = ("free_ram_mb",)

    def host_passes(self, host_state, spec):
        return spec.get_scheduler_hint("rack") is None


class LooksInside(ReadsRam):
    host_reads = ("free_ram_mb",)

    def host_passes(self, host_state, spec):
        return vars(host_state)["host"] != ""


@pytest.mark.parametrize(
    ("kind", "sentence"),
    [
        (Subscripts, r"reads the request as a mapping \(\['instance_type'\]\).* reads.* as spec\.flavor"),
        (Gets, r"reads the request as a mapping \(\.get\(\)\).* reads attributes, such as spec\.flavor"),
        (LooksIn, r"reads the request as a mapping \('flavor' in\).* reads attributes, such as spec\.flavor"),
        (Iterates, r"reads the request as a mapping \(for … in\).* reads attributes, such as spec\.flavor"),
        (AsksForHint, "reads 'scheduler_hints', which its spec_reads does not name"),
        (LooksInside, "reads '__dict__', which its host_reads does not name"),
    ],
)
def test_read_that_is_not_declared_is_told_by_the_engine_and_by_the_check(kind, sentence):
    with pytest.raises(UndeclaredRead, match=f"^{kind.__name__} {sentence}"):
        decide([kind])
    said = "reads the request as a mapping" if "mapping" in sentence else sentence.partition(",")[0]
    with pytest.raises(ConformanceError, match=said):
        check_filter(kind)


class LimitsList(BaseHostFilter):
    def host_passes(self, host_state, spec):
        return True

    def limits(self, host_state, spec):
        return [1]


class ReadsNothing(BaseHostFilter):
    def host_reads(self, spec):
        return None

    def host_passes(self, host_state, spec):
        return True


@pytest.mark.parametrize("use_engine", [True, False])
def test_limits_that_are_no_mapping_are_told(use_engine):
    with pytest.raises(InvalidAnswer, match=r"LimitsList.limits must return a mapping, and returned \[1\] for host 'h"):
        decide([LimitsList], use_engine=use_engine)


def test_host_reads_that_returns_no_names_is_told():
    with pytest.raises(InvalidAnswer, match=r"ReadsNothing.host_reads must return a tuple of names, and returned None"):
        decide([ReadsNothing])


class FirstTouch(HostState):
    def __init__(self, host, **attributes):
        self.rack = "r1"
        super().__init__(host, **attributes)


class NeverInit(HostState):
    def __init__(self, host, **attributes):
        self.host = host


@pytest.mark.parametrize("kind", [FirstTouch, NeverInit])
def test_host_that_is_set_up_in_the_wrong_order_is_told_what_to_call(kind):
    with pytest.raises(FilterschedError, match=rf"{kind.__name__} must call super\(\)\.__init__\(host, …\) before"):
        hosts(kind)


class Unplugged(HostState):
    def consume_from_request(self, spec):
        raise KeyError("eth0")


@pytest.mark.parametrize("use_engine", [True, False])
def test_host_that_cannot_take_an_instance_is_named_in_a_note(use_engine):
    with pytest.raises(KeyError, match="eth0") as error:
        decide(use_engine=use_engine, offered=hosts(Unplugged))
    assert any("Unplugged was asked to take an instance on <Unplugged h0" in note for note in error.value.__notes__)


# -- drivers -----------------------------------------------------------------------------------------


def driver(step, answer):
    return type("LooseScheduler", (FilterScheduler,), {step: lambda self, *arguments: answer})


@pytest.mark.parametrize(
    ("step", "answer", "sentence"),
    [
        ("narrow", None, "narrow must return a list of HostState, and returned None"),
        ("narrow", "h0", "narrow must return a list of HostState, and returned 'h0'"),
        ("filter", ["h0"], "filter must return a list of HostState, and returned 'h0'"),
        ("weigh", None, "weigh must return a list of WeighedHost, and returned None"),
        ("weigh", hosts(), "weigh must return a list of WeighedHost, and returned <HostState h0"),
        ("select", None, "select must return a list of WeighedHost, and returned None"),
        ("deplete", None, "deplete must return a HostState, and returned None"),
    ],
)
def test_step_of_a_driver_that_returns_something_else_is_told(step, answer, sentence):
    with pytest.raises(InvalidAnswer, match=f"^LooseScheduler.{sentence}") as error:
        decide(driver=driver(step, answer))
    assert (error.value.plugin, error.value.method) == ("LooseScheduler", step)


def test_driver_that_selects_nothing_is_in_the_refusal():
    with pytest.raises(NoValidHost, match="3 hosts, 3 refused by LooseScheduler"):
        decide(driver=driver("select", []))


def test_driver_whose_choice_is_none_is_told():
    class Undecided(Scheduler):
        def _choose(self, decision):
            return None

    with pytest.raises(InvalidAnswer, match=r"Undecided\._choose must return a list of Choice, and returned None"):
        Undecided().select_destinations(RequestSpec(), hosts())


@pytest.mark.parametrize("copied", [copy.copy, copy.deepcopy, pickle.dumps])
def test_scheduler_that_is_pickled_says_what_to_do(copied):
    with pytest.raises(TypeError, match="a scheduler cannot be copied or pickled; make one from the configuration"):
        copied(FilterScheduler())


def test_pool_that_is_pickled_says_what_to_do():
    with pytest.raises(TypeError, match=r"cannot be pickled; use save\(\), or pickle list\(pool\)"):
        pickle.dumps(HostPool(hosts()))
