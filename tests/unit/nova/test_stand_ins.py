"""Plug-ins with Nova's imports run unmodified where Nova is not installed."""

import json
import os
import subprocess
import sys
import textwrap

import pytest

from filtersched.nova.names import STAND_INS

pytestmark = pytest.mark.slow

PLUGIN = """
    from oslo_config import cfg
    from oslo_log import log as logging
    from nova.i18n import _LW
    from nova.scheduler import filters

    LOG = logging.getLogger(__name__)
    cfg.CONF.register_opt(cfg.ListOpt("our_pool"))

    class PoolFilter(filters.BaseHostFilter):
        '''Refuse hosts outside of the pool.'''

        def host_passes(self, host_state, spec_obj):
            from nova.scheduler.filters import utils
            LOG.debug(_LW("%s"), utils.aggregate_values_from_key(host_state, "x"), instance=spec_obj.instance_uuid)
            return cfg.CONF.our_pool is None or host_state.host in cfg.CONF.our_pool
"""
CONF = """
    [DEFAULT]
    our_pool = c1
    scheduler_available_filters = nova.scheduler.filters.standard_filters
    scheduler_available_filters = ourplug.PoolFilter
    scheduler_default_filters = PoolFilter
"""
HOSTS = [{"host": "c1", "free_ram_mb": 1, "total_usable_ram_mb": 9}, {"host": "c2", "free_ram_mb": 9}]


@pytest.fixture
def site(tmp_path):
    """A folder with a plug-in, a nova.conf and an inventory; run things in it."""
    (tmp_path / "ourplug.py").write_text(textwrap.dedent(PLUGIN))
    (tmp_path / "nova.conf").write_text(textwrap.dedent(CONF))
    (tmp_path / "hosts.jsonl").write_text("".join(json.dumps(host) + "\n" for host in HOSTS))

    def run(*argv: str) -> str:
        command = [sys.executable, *argv] if argv[0] == "-c" else [sys.executable, "-m", "filtersched", *argv]
        environ = {**os.environ, "PYTHONPATH": str(tmp_path)}
        done = subprocess.run(command, cwd=tmp_path, env=environ, capture_output=True, text=True, timeout=240)
        return done.stdout + done.stderr

    run.path = tmp_path
    return run


SCHEDULE = ("schedule", "--config-file", "nova.conf", "--inventory", "hosts.jsonl", "--flavor", "ram=1")


def test_unmodified_filter_decides_by_its_own_option_of_the_same_file(site):
    assert "c1     0.000  the only host left" in site(*SCHEDULE)


def test_the_list_of_plug_ins_says_which_stand_ins_a_plug_in_runs_on(site):
    assert "Refuse hosts outside of the pool. (on stand-ins for Nova)" in site("plugins", "--config-file", "nova.conf")
    said = site("plugins", "PoolFilter", "--config-file", "nova.conf")
    assert "Runs on stand-ins for nova.i18n, nova.scheduler, nova.scheduler.filters, " in said


def test_nothing_answers_for_nova_before_the_first_plug_in_of_others(site):
    code = "from filtersched import FilterScheduler; FilterScheduler(); import nova"
    assert "No module named 'nova'" in site("-c", code)


def test_option_that_goes_nowhere_is_named_once_by_the_library(site):
    code = "from filtersched import *; [FilterScheduler(make_conf(files=['nova.conf'])) for _ in 'ab']"
    said = site("-c", code)
    assert said.count("[DEFAULT] our_pool stands in the settings and has no effect") == 1


def test_one_line_of_a_program_gives_plug_ins_their_options(site):
    code = """if True:
        from oslo_config import cfg
        from filtersched import *
        conf = make_conf(files=['nova.conf'])
        conf.share_with(cfg.CONF)
        hosts = [HostState('c2', free_ram_mb=9), HostState('c1')]
        print([one.host for one in FilterScheduler(conf).select_destinations(RequestSpec(), hosts)])
    """
    assert site("-c", code) == "['c1']\n"


def test_a_real_distribution_comes_before_its_stand_in(site):
    (site.path / "oslo_log").mkdir()
    (site.path / "oslo_log" / "__init__.py").write_text("")
    (site.path / "oslo_log" / "log.py").write_text(
        "import logging\nclass getLogger(logging.LoggerAdapter):\n"
        "    def __init__(self, name):\n        super().__init__(logging.getLogger(name), {})\n        print('real')\n"
        "    def process(self, msg, kwargs):\n        return msg, {}\n"
    )
    said = site(*SCHEDULE)
    assert said.startswith("real\n")
    assert "the only host left" in said


@pytest.mark.parametrize(
    ("line", "telling"),
    [
        ("from nova.db import api", "'ourplug.PoolFilter' (ourplug.PoolFilter) cannot be loaded: NoStandIn: nova.db"),
        ("from nova.db import api", "it reads Nova's database"),
        ("from nova import rpc", "it calls other services of Nova over RPC"),
        ("import nova.scheduler.filter_scheduler", "derive from filtersched.FilterScheduler"),
        ("from oslo_serialization import msgpackutils", "has no stand-in for this module"),
        ("from nova.objects import AggregateList", "nova.objects.AggregateList cannot be imported"),
    ],
)
def test_a_module_without_a_stand_in_is_refused_with_plug_in_and_reason(site, line, telling):
    (site.path / "ourplug.py").write_text(line + "\n" + textwrap.dedent(PLUGIN))
    assert telling in site(*SCHEDULE)


def test_import_inside_a_method_of_what_cannot_be_had_names_the_plug_in_and_the_host(site):
    helper = "from nova.scheduler.filters import utils"
    changed = textwrap.dedent(PLUGIN).replace(helper, "from nova.compute import api")
    (site.path / "ourplug.py").write_text(changed)
    said = site(*SCHEDULE)
    assert "nova.compute cannot be imported: nova is not installed" in said
    assert "PoolFilter" in said
    assert "c1" in said


def test_every_name_of_the_table_imports(site):
    code = f"""if True:
        import importlib
        from filtersched.nova import prepare_imports
        prepare_imports()
        for name in {sorted(STAND_INS)!r}:
            module = importlib.import_module(name)
            exec(f'from {{name}} import *', {{}})
        from nova.scheduler.filters.ram_filter import RamFilter
        from nova.openstack.common import cfg, log, jsonutils, importutils, gettextutils
        from oslo.config import cfg as dotted
        print(cfg is dotted, dotted.__name__)
    """
    assert site("-c", code) == "True oslo_config.cfg\n"


def test_options_of_nova_are_registered_where_its_modules_are_imported(site):
    (site.path / "ourplug.py").write_text(
        "from nova.conf import CONF\nfrom nova.scheduler import filters\n"
        "class PoolFilter(filters.BaseHostFilter):\n"
        "    def host_passes(self, host_state, spec_obj):\n"
        "        seen = CONF.cpu_allocation_ratio, CONF.filter_scheduler.max_instances_per_host\n"
        "        assert seen == (3.0, 7), seen\n        return True\n"
    )
    (site.path / "nova.conf").write_text(
        textwrap.dedent(CONF) + "cpu_allocation_ratio = 3.0\nmax_instances_per_host = 7\n"
    )
    assert "1 of 1 request placed" in site(*SCHEDULE)


@pytest.mark.parametrize(
    ("module", "name", "hook", "kept"),
    [
        ("ram_filter", "RamFilter", "_get_ram_allocation_ratio", ["c1"]),
        ("core_filter", "CoreFilter", "_get_cpu_allocation_ratio", ["c1"]),
        ("disk_filter", "DiskFilter", "_get_disk_allocation_ratio", ["c1"]),
        ("io_ops_filter", "IoOpsFilter", "_get_max_io_ops_per_host", ["c1"]),
        ("num_instances_filter", "AggregateNumInstancesFilter", "_get_max_instances_per_host", ["c1"]),
    ],
)
def test_hook_of_a_standard_filter_of_nova_is_asked(site, module, name, hook, kept):
    (site.path / "ourplug.py").write_text(
        f"from nova.scheduler.filters import {module}\n"
        f"class PoolFilter({module}.{name}):\n"
        f"    def {hook}(self, host_state, spec_obj):\n"
        f"        return 2 if host_state.host == 'c1' else min(1, super().{hook}(host_state, spec_obj))\n"
    )
    code = """if True:
        from filtersched import *
        hosts = [HostState(name, total_usable_ram_mb=8, free_ram_mb=0, vcpus_total=8, vcpus_used=8, num_io_ops=1,
                           total_usable_disk_gb=1, free_disk_mb=0, num_instances=1) for name in ('c1', 'c2')]
        scheduler = FilterScheduler(make_conf(available_filters=['ourplug.PoolFilter'], enabled_filters=['PoolFilter']))
        spec = RequestSpec(Flavor(memory_mb=8, vcpus=8, root_gb=1))
        print([host.host for host in hosts if not scheduler.explain(spec, host).refused_by])
    """
    assert site("-c", code) == f"{kept}\n"


@pytest.mark.parametrize(
    ("line", "telling"),
    [
        ("", "No warnings."),
        ("our_pol = c1", "[DEFAULT] our_pol is in a file and is no option here; it is ignored. Is our_pool meant?"),
        ("our_most = many", "[DEFAULT] our_most of a plug-in cannot be read: "),
    ],
)
def test_check_config_knows_the_options_of_plug_ins(site, line, telling):
    another = 'cfg.CONF.register_opt(cfg.IntOpt("our_most"))'
    plugin = textwrap.dedent(PLUGIN).replace("class Pool", f"{another}\n\nclass Pool")
    (site.path / "ourplug.py").write_text(plugin)
    (site.path / "nova.conf").write_text(f"{textwrap.dedent(CONF)}{line}\n")
    said = site("check-config", "--config-file", "nova.conf", "--scheduler-weight-classes", "RAMWeigher")
    assert telling in said, said


REAL = {
    "nova/__init__.py": "",
    "nova/filters.py": """
class BaseFilter:
    def _filter_one(self, obj, spec_obj):
        raise AssertionError("of Nova")

    def filter_all(self, filter_obj_list, spec_obj):
        raise AssertionError("of Nova")

    run_filter_once_per_request = False

    def run_filter_for_index(self, index):
        raise AssertionError("of Nova")
""",
    "nova/scheduler/__init__.py": "",
    "nova/scheduler/filters/__init__.py": """
from nova import filters

class BaseHostFilter(filters.BaseFilter):
    RUN_ON_REBUILD = False
""",
    "ourplug.py": """
from nova import flags
from nova.scheduler import filters
from nova.scheduler.filters import standard_filters

class PoolFilter(filters.BaseHostFilter):
    def host_passes(self, host_state, spec_obj):
        return host_state.host in ("c1", flags.FLAGS) and len(standard_filters()) > 20
""",
}


@pytest.fixture
def with_nova(site):
    """The site with a distribution of the name nova installed, which has what these plug-ins derive from."""
    for path, text in REAL.items():
        (site.path / path).parent.mkdir(parents=True, exist_ok=True)
        (site.path / path).write_text(text)
    return site


def test_plug_in_of_an_installed_nova_runs_with_what_nova_no_longer_has(with_nova):
    assert "c1     0.000  the only host left" in with_nova(*SCHEDULE)


def test_only_what_an_installed_nova_lacks_is_a_stand_in(with_nova):
    said = with_nova("plugins", "PoolFilter", "--config-file", "nova.conf")
    assert "Runs on stand-ins for nova.flags" in said
    assert "nova.scheduler" not in said.partition("Runs on stand-ins")[2].partition("\n")[0]


def test_installed_nova_is_not_changed_where_it_has_a_name(with_nova):
    code = """if True:
        from filtersched import *
        FilterScheduler(make_conf(files=['nova.conf']))
        import nova.scheduler.filters as real
        from filtersched.filters import BaseHostFilter
        print(real.BaseHostFilter is BaseHostFilter, real.__file__.endswith('nova/scheduler/filters/__init__.py'))
        print(hasattr(real, 'no_such_name'))
    """
    assert with_nova("-c", code) == "False True\nFalse\n"


def test_entry_point_to_an_unmodified_plug_in_is_used_and_marked(site):
    about = site.path / "ours-1.0.dist-info"
    about.mkdir()
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: ours\nVersion: 1.0\n")
    (about / "entry_points.txt").write_text("[filtersched.filters]\nPoolFilter = ourplug:PoolFilter\n")
    (site.path / "nova.conf").write_text("[DEFAULT]\nour_pool = c1\nscheduler_available_filters = all_filters\n")
    said = site(*SCHEDULE, "--scheduler-default-filters", "PoolFilter")
    assert "c1     0.000  the only host left" in said
    assert "Refuse hosts outside of the pool. (on stand-ins for Nova)" in site("plugins")
