"""What one weigher makes of some hosts."""

from filtersched.requests.request_spec import RequestSpec
from filtersched.weighers import HostWeightHandler


def bound(weigher_class, **options):
    """A weigher of the class, with these options and otherwise the defaults."""
    weigher = weigher_class()
    defaults = {name: weigher.option(name) for name in (opt.dest for opt in weigher_class.options)}
    assert options.keys() <= defaults.keys()
    weigher.bind(defaults | options)
    return weigher


def weights(weigher, hosts, spec=None):
    """The final weights of the hosts, in the order in which they are given."""
    found = HostWeightHandler().get_weighed_objects([weigher], hosts, RequestSpec() if spec is None else spec)
    by_host = {id(one.obj): one.weight for one in found}
    return [by_host[id(host)] for host in hosts]


def raw(weigher, host, spec=None):
    """The weight of one host before it is brought to the scale."""
    return weigher._weigh_object(host, RequestSpec() if spec is None else spec)
