"""Every lie that a shared resource can tell is caught, and an honest one passes."""

import math

import pytest

from filtersched import SharedResource
from filtersched.testing import ConformanceError, SameAnswerWarning, check_resource
from tests.unit.resources.racks import Power, racks, request

SPECS = [request(300), request(0)]


def resource(**members):
    usual = {"name": "seats", "total": lambda self, scope: 2, "amount": lambda self, spec, host: spec.vcpus}
    return type("Seats", (SharedResource,), {**usual, **members})


def test_an_honest_resource_passes():
    assert check_resource(Power, racks("r1", "r2", None), SPECS) is None


def test_a_resource_is_tried_on_sample_hosts_and_requests():
    assert check_resource(resource()) is None


@pytest.mark.parametrize(
    ("members", "rule", "said"),
    [
        ({"scope": "two words"}, "shape", "seats: scope cannot be 'two words'"),
        ({"amount": lambda self, spec, host: -1}, "amount", "seats.amount returned -1 for host"),
        ({"amount": lambda self, spec, host: None}, "amount", "seats.amount returned None"),
        ({"amount": lambda self, spec, host: spec.watts}, "exception", "has no attribute 'watts'"),
        ({"total": lambda self, scope: math.nan}, "total", "seats.total returned nan for the pool"),
        ({"total": lambda self, scope: 1 / 0}, "exception", "ZeroDivisionError"),
        ({"host_reads": ()}, "undeclared read", "reads 'vcpus', which its spec_reads do not name"),
        (
            {"host_reads": (), "amount": lambda self, spec, host: host.num_instances},
            "undeclared read",
            "reads 'num_instances', which its host_reads do not name",
        ),
        (
            {
                "host_reads": ("num_instances",),
                "columnar": True,
                "amount": lambda self, spec, host: 1 if host.num_instances > 1 else 2,
            },
            "columnar",
            "a columnar body may use operators only",
        ),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_rule_that_is_broken_is_named(members, rule, said):
    with pytest.raises(ConformanceError) as caught:
        check_resource(resource(**members))
    assert said in str(caught.value)
    assert caught.value.rule == rule


def test_what_is_no_resource_is_refused():
    with pytest.raises(ConformanceError, match="is not derived from SharedResource"):
        check_resource(dict)


def test_one_amount_for_everything_is_a_warning():
    with pytest.warns(SameAnswerWarning, match="seats.amount returned 1 for every host and request"):
        check_resource(resource(amount=lambda self, spec, host: 1))
