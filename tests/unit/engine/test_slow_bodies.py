"""A columnar body that columns cannot answer is asked host by host, and the log says so once."""

import logging

import pytest

from filtersched import BaseHostFilter, BaseWeigher, FilterScheduler, HostPool, HostState, RequestSpec, make_conf
from filtersched.loading import STANDARD_WEIGHERS
from filtersched.loading.listing import describe_plugins
from filtersched.testing import sample_hosts, sample_specs

LOGGER = "filtersched.engine.plugin_evaluator"


def said(caplog):
    return [record.getMessage() for record in caplog.records if record.name == LOGGER]


def pool(**columns):
    rows = zip(*columns.values(), strict=True)
    return HostPool(HostState(f"h{at}", **dict(zip(columns, row, strict=True))) for at, row in enumerate(rows))


def test_body_that_raises_on_columns_is_named_once_with_what_it_raised(caplog):
    class TableFilter(BaseHostFilter):
        host_reads = ("num_io_ops",)
        columnar = True

        def host_passes(self, host_state, spec):
            return {1: False}.get(host_state.num_io_ops, True)

    scheduler = FilterScheduler(filters=[TableFilter], weighers=[])
    for _ in range(3):
        assert scheduler.select_destinations(RequestSpec(), pool(num_io_ops=[1, 2]))[0].host == "h1"
    (sentence,) = said(caplog)
    assert sentence.startswith("TableFilter.host_passes is called columnar, but is asked host by host, which is slow: ")
    assert "on columns it raises TypeError: unhashable type: 'Column'" in sentence


def test_attribute_that_some_hosts_lack_is_named_as_the_reason(caplog):
    class SlotWeigher(BaseWeigher):
        host_reads = ("hypervisor_version",)
        columnar = True

        def _weigh_object(self, host_state, weight_properties):
            return 0.0 if host_state.hypervisor_version is None else host_state.hypervisor_version

    scheduler = FilterScheduler(filters=[], weighers=[SlotWeigher])
    assert scheduler.select_destinations(RequestSpec(), pool(hypervisor_version=[None, 5]))[0].host == "h1"
    assert "it reads an attribute that some hosts lack; give a default with filled()" in said(caplog)[0]


@pytest.mark.parametrize("kind", ["filter", "weigher"])
def test_plug_ins_of_the_library_are_not_asked_host_by_host_in_silence(caplog, kind):
    caplog.set_level(logging.WARNING, logger=LOGGER)
    ours = [one.name for one in describe_plugins() if one.kind == kind and one.target.startswith("filtersched.")]
    hosts = HostPool(sample_hosts(60))
    for name in ours:
        given = {"filters": [name], "weighers": []} if kind == "filter" else {"filters": [], "weighers": [name]}
        try:
            scheduler = FilterScheduler(make_conf(), **given)
        except Exception:  # needs a configuration
            assert name not in STANDARD_WEIGHERS
            continue
        for spec in sample_specs(20):
            try:
                scheduler.select_destinations(spec, hosts)
            except Exception:  # a refusal, or what this request makes of it
                continue
    assert said(caplog) == []
