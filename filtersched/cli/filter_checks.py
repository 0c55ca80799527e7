"""Risks among the filters: those that fight, that can never refuse, that can never pass."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Iterator

from filtersched.cli.findings import Checked, Finding, listed, names_of
from filtersched.filters.dedication_filter import DedicationFilter
from filtersched.filters.handler import HostFilterHandler
from filtersched.plugins.plugin import meets_of, overrides_of
from filtersched.plugins.request_reads import covers
from filtersched.requests.asked import SIZES, asked_of
from filtersched.requests.dedication import DEDICATED, PREFERRED, STRICT
from filtersched.requests.request_spec import RequestSpec
from filtersched.resources.resource_filter import SharedResourceFilter
from filtersched.resources.scope import PROJECT
from filtersched.results.verdict import Verdict
from filtersched.schedulers import FilterScheduler
from filtersched.settings import spelled
from filtersched.weighers.dedication_weigher import DedicationWeigher

# What each makes of an extra spec without a scope, such as ssd=true.
_ON_UNSCOPED = {
    "AggregateInstanceExtraSpecsFilter": "refuses hosts whose aggregates do not have it",
    "ComputeFilter": "refuses hosts that announce capabilities and not this one",
    "ComputeCapabilitiesFilter": "refuses hosts that have an attribute of that name with another value",
}

# These pass nothing but a perfect fit, and the smallest request is none.
_EXACT = ("ExactRamFilter", "ExactCoreFilter", "ExactDiskFilter")

# Filters that read only these aggregate keys, or keys that begin so.
_AGGREGATE_KEYS = {
    "AggregateMultiTenancyIsolation": "filter_tenant_id",
    "AggregateTypeAffinityFilter": "instance_type",
}

# More than any host has, and what none has.
_TOO_MUCH = 10**12
_NOWHERE = "CUSTOM_ASKED_BY_A_CHECK"

# An option of this value leaves a filter without any host.
_NEVER_PASS = {
    "RamFilter": "ram_allocation_ratio",
    "CoreFilter": "cpu_allocation_ratio",
    "DiskFilter": "disk_allocation_ratio",
    "IoOpsFilter": "max_io_ops_per_host",
}


def filter_findings(checked: Checked) -> Iterator[Finding]:
    """Every risk among the filters in use."""
    if isinstance(checked.scheduler, FilterScheduler) and not checked.filters:
        option = spelled(checked.scheduler.settings.spellings["enabled_filters"])
        yield Finding("no filters", f"{option} is empty: every host passes, however full or broken.")
    yield from _fights(checked)
    yield from _repeated(checked)
    yield from _never_refuse(checked)
    yield from _never_refuse_here(checked)
    yield from _never_pass(checked)
    yield from _dedications(checked)


def _dedications(checked: Checked) -> Iterator[Finding]:
    """Aggregates that give hosts to one project at a time, with a wrong word, or where nothing reads it."""
    of_hosts: dict[str, str] = {}
    for host in checked.hosts:
        for one in host.aggregates:
            if DEDICATED in one.metadata:
                of_hosts.setdefault(one.name, one.metadata[DEDICATED])
    for name, word in of_hosts.items():
        if word not in (STRICT, PREFERRED):
            yield Finding("dedicated hosts", f"aggregate {name!r}: {DEDICATED} is {word!r}; write strict or preferred.")
    multiplier = "dedication_weight_multiplier"
    weighs = any(isinstance(one, DedicationWeigher) and one.option(multiplier) for one in checked.weighers)
    refuses = any(isinstance(one, DedicationFilter) for one in checked.filters)
    for word, is_read, reader in (
        (STRICT, refuses, "DedicationFilter is not in use"),
        (PREFERRED, weighs, f"DedicationWeigher is not in use, or {multiplier} is 0"),
    ):
        named = [name for name, said in of_hosts.items() if said == word]
        if named and not is_read:
            yield Finding("dedicated hosts", f"aggregate {named[0]!r} says {DEDICATED} = {word}, and {reader}.")


def _fights(checked: Checked) -> Iterator[Finding]:
    names = names_of(checked.filters)
    judges = [name for name in _ON_UNSCOPED if name in names]
    if checked.hosts and not any(host.capabilities.keys() - {"enabled", "timestamp"} for host in checked.hosts):
        judges = [name for name in judges if name != "ComputeFilter"]
    if len(judges) > 1:
        said = "; ".join(f"{name} {_ON_UNSCOPED[name]}" for name in judges)
        yield Finding(
            "unscoped extra specs",
            f"{listed(judges)} judge extra specs without a scope, each in its way. For ssd=true, {said}. Write "
            "aggregate_instance_extra_specs:ssd or capabilities:ssd in flavors, so that one of them is meant.",
        )
    for plugin, other in itertools.permutations(checked.filters, 2):
        # The same rule with what aggregates say.
        if type(plugin) is not type(other) and isinstance(other, type(plugin)) and overrides_of(type(other)):
            plain, aggregate = names_of((plugin, other))
            yield Finding(
                "two filters for one rule",
                f"{plain} and {aggregate} are the same rule twice, and the stricter one wins: aggregates can tighten "
                f"what {plain} allows and never loosen it. Use one of them.",
            )


def _repeated(checked: Checked) -> Iterator[Finding]:
    for name, count in Counter(names_of(checked.filters)).items():
        if count > 1:
            yield Finding("repeated filter", f"{name} is named {count} times and runs {count} times, to no effect.")


def _never_refuse(checked: Checked) -> Iterator[Finding]:
    names = names_of(checked.filters)
    if "AllHostsFilter" in names and len(names) > 1:
        yield Finding("never refuses", "AllHostsFilter lets every host pass; beside other filters it has no effect.")
    for plugin in checked.filters:
        name = type(plugin).__name__
        if name == "IsolatedHostsFilter" and not (plugin.option("isolated_hosts") or plugin.option("isolated_images")):
            yield Finding("never refuses", f"{name} never refuses without isolated_hosts and isolated_images.")
        if name == "MetricsFilter" and not plugin.option("weight_setting"):
            yield Finding("never refuses", f"{name} never refuses without [metrics] weight_setting.")
        key = _AGGREGATE_KEYS.get(name)
        if key is not None and checked.hosts and not _has_aggregate_key(checked, key):
            yield Finding(
                "never refuses", f"{name} never refuses a host of this inventory: no aggregate of it has {key!r}."
            )


def _never_refuse_here(checked: Checked) -> Iterator[Finding]:
    """Filters that pass every host of the inventory, whatever of theirs is asked."""
    extra_specs = {f"resources:{_NOWHERE}": "1", f"trait:{_NOWHERE}": "required"}
    asked = {**dict.fromkeys(SIZES, _TOO_MUCH), "extra_specs": extra_specs}
    demanding = RequestSpec(asked, availability_zone=_NOWHERE, scheduler_hints={"same_host": _NOWHERE})
    for plugin in dict.fromkeys(checked.filters):
        meets = meets_of(type(plugin)) or ()
        fields = [field for field in asked_of(demanding) if any(covers(name, field) for name in meets)]
        # Filters that also read what was not asked, such as capabilities, may refuse for that.
        if not fields or not all(any(covers(name, field) for field in fields) for name in meets):
            continue
        verdicts = (HostFilterHandler().verdicts([plugin], host, demanding)[0] for host in checked.hosts)
        if checked.hosts and all(verdict.passed for verdict in verdicts):
            yield Finding(
                "never refuses",
                f"{type(plugin).__name__} refuses no host of this inventory, whatever is asked of {listed(fields)}: no "
                "host tells how much there is.",
            )


def _has_aggregate_key(checked: Checked, key: str) -> bool:
    found = (name for host in checked.hosts for one in host.aggregates for name in one.metadata)
    return any(name.startswith(key) for name in found)


def _never_pass(checked: Checked) -> Iterator[Finding]:
    reported = set()
    for plugin in checked.filters:
        name = type(plugin).__name__
        option = _NEVER_PASS.get(name)
        if option is not None and plugin.option(option) == 0:
            reported.add(name)
            own = " A host's own ratio still counts." if option.endswith("ratio") else ""
            yield Finding("never passes", f"{option} is 0: {name} refuses every host.{own}")
        if isinstance(plugin, SharedResourceFilter) and plugin.scope.kind == PROJECT:
            # The request below names no project.
            reported.add(name)
    asked = checked.smallest_request()
    passes: Counter[str] = Counter()
    refusals: dict[str, Verdict] = {}
    for host in checked.hosts if checked.filters else ():
        for verdict in checked.scheduler.explain(asked, host).verdicts:
            passes[verdict.filter] += verdict.passed
            if not verdict.passed:
                refusals.setdefault(verdict.filter, verdict)
    for name, refusal in refusals.items():
        if not passes[name] and name not in reported and name not in _EXACT:
            yield Finding(
                "never passes",
                f"{name} refuses all {len(checked.hosts)} hosts of this inventory, even for 1 MiB, 1 vCPU and 1 GiB. "
                f"The first of them: {refusal.reason or 'no reason given'}.",
            )
