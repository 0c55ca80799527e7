"""Risks of MeasuredLoadWeigher: hosts without the metric, and settings under which instances follow each other."""

from __future__ import annotations

from collections.abc import Iterator

from filtersched.cli.findings import Checked, Finding
from filtersched.errors import nearest
from filtersched.weighers.measured_load_weigher import MeasuredLoadWeigher
from filtersched.weighers.metrics_weigher import MetricsWeigher

_CHECK = "measured load"


def load_findings(checked: Checked) -> Iterator[Finding]:
    """What is risky about the weigher of measured load, where it has a say."""
    for weigher in checked.weighers:
        if isinstance(weigher, MeasuredLoadWeigher):
            for metric in weigher.kept_metrics():
                yield from _findings(weigher, metric, checked)


def _findings(weigher: MeasuredLoadWeigher, metric: str, checked: Checked) -> Iterator[Finding]:
    if not weigher.option("measured_load_per_vcpu"):
        yield Finding(
            _CHECK,
            "measured_load_per_vcpu is 0: until the next report, one instance after another may go to the same host.",
        )
    others = [one for one in checked.weighers if isinstance(one, MetricsWeigher) and one.reads_metric(metric)]
    if others:
        yield Finding(_CHECK, f"MetricsWeigher weighs the metric {metric!r} too: it counts twice.")
    without = [host.host for host in checked.hosts if metric not in dict(host.metrics)]
    if without and len(without) == len(checked.hosts):
        names = {name for host in checked.hosts for name, _value in host.metrics}
        hint = nearest(metric, names) if names else "Its hosts have no metrics."
        yield Finding(_CHECK, f"No host of this inventory has the metric {metric!r}: all have the same load. {hint}")
    elif without:
        yield Finding(
            _CHECK,
            f"{len(without)} of {len(checked.hosts)} hosts of this inventory, {without[0]} for one, lack the metric "
            f"{metric!r}: their load is measured_load_unknown, {weigher.option('measured_load_unknown'):g}.",
        )
