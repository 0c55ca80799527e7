"""Risks among Nova's request filters: rules that nothing in the inventory meets, or that do half of what is meant."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from filtersched.cli.findings import Checked, Finding, names_of
from filtersched.filters.prefilter_filter import PrefilterFilter

_CHECK = "request filters"
_ISOLATED, _TENANTS = "enable_isolated_aggregate_filtering", "limit_tenants_to_placement_aggregate"


def prefilter_findings(checked: Checked) -> Iterator[Finding]:
    """Every risk of the rules that are on."""
    rule = next((one for one in checked.filters if isinstance(one, PrefilterFilter)), None)
    if rule is None:
        return
    if not rule.is_on():
        yield Finding(_CHECK, "PrefilterFilter never refuses: none of its options in [scheduler] is true.")
    if rule.option(_ISOLATED) and "TraitsFilter" not in names_of(checked.filters):
        yield Finding(
            _CHECK,
            f"{_ISOLATED} keeps other requests off isolated aggregates. To keep requests that require a trait on hosts "
            "that have it, as Placement does for Nova, add TraitsFilter, which is not in use.",
        )
    for option, what, is_read in (
        (_ISOLATED, "trait:NAME = required", lambda key, value: key.startswith("trait:") and value == "required"),
        (_TENANTS, "filter_tenant_id", lambda key, _value: key.startswith("filter_tenant_id")),
    ):
        if rule.option(option) and checked.hosts and not _any_metadata(checked, is_read):
            yield Finding(_CHECK, f"{option} is true, and no aggregate of this inventory has {what}.")


def _any_metadata(checked: Checked, is_one: Callable[[str, str], bool]) -> bool:
    aggregates = (one for host in checked.hosts for one in host.aggregates)
    return any(is_one(key, value) for one in aggregates for key, value in one.metadata.items())
