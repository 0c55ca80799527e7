"""Risks among expressions: those that cannot be read, have no answer, or that nothing reads."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from filtersched.cli.findings import Checked, Finding, names_of
from filtersched.errors import InvalidHost
from filtersched.filters.expression_filter import ExpressionFilter
from filtersched.weighers.expression_weigher import ExpressionWeigher

_CHECK = "expressions"
_READERS = {"filtersched:filter": ExpressionFilter, "filtersched:weight": ExpressionWeigher}


def expression_findings(checked: Checked) -> Iterator[Finding]:
    """Every risk among the expressions of the configuration and of the inventory's aggregates."""
    used = (*checked.filters, *checked.weighers)
    for plugin in used:
        if isinstance(plugin, ExpressionFilter | ExpressionWeigher):
            yield from _tried(checked, plugin)
    for key, reader in _READERS.items():
        having = [host for host in checked.hosts if any(key in one.metadata for one in host.aggregates)]
        if having and reader.__name__ not in names_of(used):
            yield Finding(
                _CHECK,
                f"aggregates of {len(having)} hosts, such as {having[0].host!r}, bring {key}, and "
                f"{reader.__name__}, which reads it, is not in use.",
            )


def _tried(checked: Checked, plugin: Any) -> Iterator[Finding]:
    """What each expression makes of the hosts, for the smallest request."""
    spec = checked.smallest_request()
    asked: dict[str, int] = {}
    without: dict[str, tuple[str, list[str]]] = {}
    for host in checked.hosts:
        try:
            sources = list(plugin.expressions.of(host, spec))
        except InvalidHost as problem:
            yield Finding(_CHECK, f"{problem}.")
            continue
        for source in sources:
            said = f"{source.expression.text!r} of {source.said}"
            asked[said] = asked.get(said, 0) + 1
            if not source.expression.is_known(host, spec):
                missing = ", ".join(source.expression.unknowns(host, spec)) or "a number that can be worked out"
                without.setdefault(said, (missing, []))[1].append(host.host)
    for said, (missing, hosts) in without.items():
        yield Finding(
            _CHECK,
            f"{said} has no answer on {len(hosts)} of {asked[said]} hosts, such as {hosts[0]!r}, which has no "
            f"{missing}.",
        )
