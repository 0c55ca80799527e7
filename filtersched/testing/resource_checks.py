"""Checks that shared resources keep the rules."""

from __future__ import annotations

import functools
import warnings
from collections.abc import Iterable

from filtersched.errors import ConfigurationError, InvalidAnswer
from filtersched.hosts.host_state import HostState
from filtersched.requests.request_spec import RequestSpec
from filtersched.requests.seal import sealed
from filtersched.resources.account import Account
from filtersched.resources.amounts import amount_asked
from filtersched.resources.resource_filter import filter_of
from filtersched.resources.scope import Scope, check_kind
from filtersched.resources.shared_resource import SharedResource, check_shape
from filtersched.testing.conformance import ConformanceError, SameAnswerWarning, check_filter, made_of
from filtersched.testing.samples import prepared, sample_hosts, sample_specs


def check_resource(
    resource: SharedResource | type[SharedResource],
    hosts: Iterable[HostState] | None = None,
    specs: Iterable[RequestSpec] | None = None,
) -> None:
    """Raise ConformanceError if a shared resource breaks a rule.

    resource, hosts, specs : as for `check_filter`.

    The rules: its scope is of a known kind; every host and request has an amount, a number of 0 or more; every
    scope has a total, such a number or None; and what `check_filter` says of declarations, columns and of
    leaving hosts and requests unchanged, as for the filter that the resource becomes.

    Warns with SameAnswerWarning if every amount is the same: an early return then hides what is read behind it.
    """
    made = made_of(resource, SharedResource)
    name = made.label
    tried_hosts = sample_hosts() if hosts is None else list(hosts)
    tried_specs = sample_specs() if specs is None else list(specs)
    try:
        check_shape(made)
        check_kind(made.scope, name)
        scope = Scope(made.scope, made.option("default_availability_zone"))
        account = Account(made, scope, lambda _name: 0)
        amounts = set()
        for spec in tried_specs:
            ready = prepared(spec, tried_hosts)
            for host in tried_hosts:
                amounts.add(sealed(functools.partial(amount_asked, made, scope, ready, host)))
                for each in scope.of(host, ready):
                    account.total(each)
    except (ConfigurationError, InvalidAnswer) as problem:
        rule = problem.method if isinstance(problem, InvalidAnswer) else "shape"
        raise ConformanceError(str(problem), plugin=name, rule=rule) from problem
    except Exception as problem:
        # The boundary to the plug-in.
        notes = "".join(f"; {note}" for note in getattr(problem, "__notes__", ()))
        raise ConformanceError(f"{name} raised {problem!r}{notes}", plugin=name, rule="exception") from problem
    with warnings.catch_warnings():
        # There may be enough for all that is tried.
        warnings.simplefilter("ignore", SameAnswerWarning)
        check_filter(filter_of(made, scope), tried_hosts, tried_specs)
    if len(amounts) == 1:
        said = f"{name}.amount returned {amounts.pop()} for every host and request that was tried"
        warnings.warn(said, SameAnswerWarning, stacklevel=2)
