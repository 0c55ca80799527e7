"""Options that several plug-ins read: one default, one bound, one value for all of them."""

import pytest

from filtersched import ConfigurationError, make_conf
from filtersched.filters.core_filter import CoreFilter
from filtersched.filters.disk_filter import DiskFilter
from filtersched.filters.io_ops_filter import IoOpsFilter
from filtersched.filters.num_instances_filter import NumInstancesFilter
from filtersched.filters.ram_filter import RamFilter
from filtersched.loading import make_plugin
from filtersched.weighers.cpu_weigher import CPUWeigher

OPTIONS = [
    (RamFilter, "ram_allocation_ratio", 1.5, 0, -0.1),
    (CoreFilter, "cpu_allocation_ratio", 16.0, 0, -0.1),
    (CPUWeigher, "cpu_allocation_ratio", 16.0, 0, -0.1),
    (DiskFilter, "disk_allocation_ratio", 1.0, 0, -0.1),
    (NumInstancesFilter, "max_instances_per_host", 50, 1, 0),
    (IoOpsFilter, "max_io_ops_per_host", 8, 0, -1),
]


@pytest.mark.parametrize(("plugin", "option", "default", "least", "below"), OPTIONS)
def test_an_option_has_its_default_and_its_bound(plugin, option, default, least, below):
    assert make_plugin(plugin, make_conf()).option(option) == default
    assert make_plugin(plugin, make_conf(**{option: least})).option(option) == least
    with pytest.raises(ConfigurationError, match=option):
        make_plugin(plugin, make_conf(**{option: below}))


def test_filter_and_weigher_read_the_same_value():
    conf = make_conf(["--cpu_allocation_ratio=4"])
    assert [make_plugin(one, conf).option("cpu_allocation_ratio") for one in (CoreFilter, CPUWeigher)] == [4.0, 4.0]


@pytest.mark.parametrize("ratio", ["nan", "inf", "", "much"])
def test_a_ratio_that_is_no_finite_number_is_refused(ratio):
    with pytest.raises(ConfigurationError):
        make_plugin(RamFilter, make_conf([f"--ram_allocation_ratio={ratio}"]))
