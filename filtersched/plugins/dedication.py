"""What DedicationFilter and DedicationWeigher share: whose instances a host has, and who asks for it alone."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from filtersched.errors import InvalidHost, InvalidRequest
from filtersched.hosts.host_values import Aggregate
from filtersched.plugins.columnar import count_instances_with, number_of_instances, of_each
from filtersched.requests.dedication import DEDICATED, STRICT, dedication_in
from filtersched.requests.request_spec import RequestSpec

HOST_READS = ("instances", "aggregates")
EXTRA_SPEC = f"extra_specs.{DEDICATED}"


def asked(spec: RequestSpec) -> str | None:
    """What the flavor of the request says. Raises InvalidRequest."""
    try:
        return dedication_in(spec.extra_specs)
    except ValueError as problem:
        said = spec.extra_specs[DEDICATED]
        raise InvalidRequest(f"flavor.extra_specs: {problem}", field=EXTRA_SPEC, value=said) from None


def of_others(host: Any, spec: RequestSpec) -> Any:
    """How many instances the host has that are not known to be of the request's project."""
    return number_of_instances(host) - _own(host, "project_id", spec)


def of_others_that_keep_it(host: Any, spec: RequestSpec) -> Any:
    """How many of these have a flavor that keeps the host to their project."""
    ordinary = count_instances_with(host, "kept_for", None)
    return number_of_instances(host) - ordinary - _own(host, "kept_for", spec)


def _own(host: Any, field: str, spec: RequestSpec) -> Any:
    # An unknown project is nobody's own.
    return count_instances_with(host, field, spec.project_id) if spec.project_id else 0


def is_strict(host: Any) -> Any:
    """Whether an aggregate of the host gives it to one project at a time. Raises InvalidHost."""
    return of_each(host, "aggregates", _says, True)


def is_dedicated(host: Any) -> Any:
    """Whether an aggregate of the host says anything about it."""
    return of_each(host, "aggregates", _says, False)


def _says(aggregates: Iterable[Aggregate], only_strict: bool) -> bool:
    found = set()
    for aggregate in aggregates:
        try:
            found.add(dedication_in(aggregate.metadata))
        except ValueError as problem:
            said = aggregate.metadata[DEDICATED]
            raise InvalidHost(f"aggregate {aggregate.name!r}: {problem}", attribute="aggregates", value=said) from None
    return STRICT in found if only_strict else bool(found - {None})
