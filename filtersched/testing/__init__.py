"""For authors of filters and weighers: things to try them on, and checks that they keep the rules.

    from filtersched.testing import check_filter, make_host, make_spec

    def test_max_load_filter_keeps_the_rules():
        check_filter(MaxLoadFilter)

    def test_host_at_the_limit_passes():
        assert MaxLoadFilter().host_passes(make_host(stats={"load": 8.0}), make_spec())

`check_filter` and `check_weigher` ask a plug-in about hosts and requests of many kinds, always the
same ones, and raise ConformanceError, an AssertionError, at the first rule that it breaks. They
warn with SameAnswerWarning where every answer was the same.
`check_driver` does the same for a driver, `check_resource` for a shared resource, and `check_host` for a class of
hosts of your own.

For units of oVirt's scheduler, `filtersched.testing.ovirt` makes ids with facts.

May import: ovirt, schedulers, engine, resources, filters, weighers, plugins, results, hosts, requests, columns, errors.
"""

from filtersched.testing.conformance import ConformanceError, SameAnswerWarning, check_filter, check_weigher
from filtersched.testing.driver_checks import check_driver
from filtersched.testing.host_checks import check_host
from filtersched.testing.resource_checks import check_resource
from filtersched.testing.samples import make_host, make_spec, prepared, sample_hosts, sample_specs

__all__ = [
    "ConformanceError",
    "SameAnswerWarning",
    "check_driver",
    "check_filter",
    "check_host",
    "check_resource",
    "check_weigher",
    "make_host",
    "make_spec",
    "prepared",
    "sample_hosts",
    "sample_specs",
]
