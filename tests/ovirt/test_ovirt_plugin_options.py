"""Filters with imports of Nova's in the daemon: their options in cfg.CONF are those of its file."""

from __future__ import annotations

import signal
import textwrap

import pytest

PLUGIN = """
    from oslo_config import cfg
    from nova.scheduler import filters

    cfg.CONF.register_opt(cfg.ListOpt("our_pool", default=[]))
    cfg.CONF.register_opt(cfg.IntOpt("most", default=9), group="our_rack")

    class SomeFilter(filters.BaseHostFilter):
        '''Pass the hosts whose ids end in a digit up to an option of Nova's, by its modern spelling.'''

        def host_passes(self, host_state, spec_obj):
            from nova.conf import CONF
            return int(host_state.host[-1]) <= CONF.filter_scheduler.max_io_ops_per_host

    class PoolFilter(filters.BaseHostFilter):
        '''Refuse hosts outside of the pool.'''

        def host_passes(self, host_state, spec_obj):
            return host_state.host in cfg.CONF.our_pool[:cfg.CONF.our_rack.most]
"""
CONF = {
    "dialect": "page",
    "scheduler_available_filters": "nova_pool_plugin.PoolFilter",
    "scheduler_default_filters": "PoolFilter",
}


@pytest.fixture
def start_with_plugin(start, tmp_path, monkeypatch):
    """Starts a daemon that can import the filter, its pool being what is given."""
    (tmp_path / "nova_pool_plugin.py").write_text(textwrap.dedent(PLUGIN))
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    return lambda pool, extra="": start({}, {**CONF, "our_pool": ",".join(pool)}, extra)


def passing(daemon, hosts, vm, name="PoolFilter"):
    documents = "".join(f"<host id='{host}'><memory>1073741824</memory></host>" for host in hosts)
    return daemon.proxy.runFilters([name], f"<hosts>{documents}</hosts>", f"<vm id='{vm}'/>", {})


def test_a_filter_decides_by_its_own_option_of_the_daemons_file(start_with_plugin, hosts, vm):
    assert passing(start_with_plugin(hosts[1:3]), hosts, vm) == hosts[1:3]


def test_an_option_in_a_group_of_its_own_is_read_too(start_with_plugin, hosts, vm):
    daemon = start_with_plugin(hosts[1:3], "[our_rack]\nmost = 1\n")
    assert passing(daemon, hosts, vm) == hosts[1:2]


def test_sighup_reads_the_options_of_filters_anew(start_with_plugin, hosts, vm):
    daemon = start_with_plugin(hosts[1:3])
    daemon.configure({**CONF, "our_pool": hosts[4]})
    daemon.process.send_signal(signal.SIGHUP)
    daemon.wait_for("reloaded")
    assert passing(daemon, hosts, vm) == hosts[4:5]


def test_an_option_of_novas_that_a_new_file_lacks_has_its_default_again(start_with_plugin, vm):
    some = {
        "dialect": "page",
        "scheduler_available_filters": "nova_pool_plugin.SomeFilter",
        "scheduler_default_filters": "SomeFilter",
    }
    ids = [f"aaaaaaaa-1111-4111-8111-00000000000{digit}" for digit in (1, 4, 8, 9)]
    daemon = start_with_plugin([])
    passed = []
    for limit in ({"max_io_ops_per_host": "4"}, {}):
        line = len(daemon.lines)
        daemon.configure({**some, **limit})
        daemon.process.send_signal(signal.SIGHUP)
        daemon.wait_for("reloaded", start=line)
        passed.append(passing(daemon, ids, vm, "SomeFilter"))
    assert passed == [ids[:2], ids[:3]]


@pytest.mark.parametrize(
    "bad",
    [
        {"plugin_timeout": "soon"},
        {"scheduler_default_filters": "PoolFilter,NoSuchFilter"},
        {"scheduler_weight_classes": "NoSuchWeigher"},
    ],
    ids=lambda bad: next(iter(bad)),
)
def test_a_bad_file_at_sighup_leaves_the_options_of_filters_as_they_were(start_with_plugin, hosts, vm, bad):
    daemon = start_with_plugin(hosts[1:3])
    daemon.configure({**CONF, "our_pool": hosts[4], **bad})
    daemon.process.send_signal(signal.SIGHUP)
    daemon.wait_for("not reloaded")
    assert passing(daemon, hosts, vm) == hosts[1:3]
