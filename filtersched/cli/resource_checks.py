"""Checks of shared resources: settings without effect, totals that no aggregate has, and hosts that are in no scope."""

from __future__ import annotations

from collections.abc import Iterator

from filtersched.cli.findings import Checked, Finding
from filtersched.resources.configured import ConfiguredResource
from filtersched.resources.resource_filter import SharedResourceFilter
from filtersched.resources.scope import PROJECT
from filtersched.settings import spelled


def resource_findings(checked: Checked) -> Iterator[Finding]:
    """What is risky about the shared resources."""
    settings = checked.scheduler.settings
    if settings.shared_resources and not hasattr(checked.scheduler, "catalog"):
        option = spelled(settings.spellings["shared_resources"])
        name = type(checked.scheduler).__name__
        yield Finding("no effect", f"{option} is set and has no effect: {name} uses no filters, and no resources.")
    for one in checked.filters:
        if isinstance(one, SharedResourceFilter) and checked.hosts:
            yield from _findings(one, checked)


def _findings(one: SharedResourceFilter, checked: Checked) -> Iterator[Finding]:
    resource, scope = one.resource, one.scope
    key = resource.metadata_key if isinstance(resource, ConfiguredResource) else ""
    if key and not any(key in found.metadata for host in checked.hosts for found in host.aggregates):
        yield Finding(
            "never refuses",
            f"{resource.label} has its total in the metadata {key!r} of aggregates, and no aggregate of this inventory "
            "has it: there is no limit.",
        )
    if scope.kind == PROJECT or resource.unlimited_outside:
        return
    outside = [host.host for host in checked.hosts if not scope.of(host, None)]
    if outside and len(outside) < len(checked.hosts):
        yield Finding(
            "hosts in no scope",
            f"{len(outside)} of {len(checked.hosts)} hosts of this inventory, {outside[0]} for one, are in no "
            f"{scope.kind.rpartition(':')[2]}: {resource.label} refuses them for every request that takes any of it. "
            "Give them one, or write outside=unlimited.",
        )
