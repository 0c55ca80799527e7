"""ExpressionWeigher: a weight that an operator writes as text."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from oslo_config import cfg

from filtersched.plugins.expression_sources import Expressions
from filtersched.plugins.expressions import SPEC_READS
from filtersched.weighers.base import BaseWeigher

_KEY = "filtersched:weight"
_OPTION = "weight_expression"
_MULTIPLIER = "expression_weight_multiplier"


class ExpressionWeigher(BaseWeigher):
    """Prefer hosts for which an expression is larger, such as `0.7 * free_ram_mb - 0.3 * metrics['net.load']`.

    The expression is in ``weight_expression``, in the flavor's extra spec `filtersched:weight`, or in the
    metadata of that name of the host's aggregates. Where several are written, their values add up. One that
    needs a missing value, divides by zero or is not a number counts 0.
    """

    options: ClassVar[Sequence[cfg.Opt]] = (
        cfg.FloatOpt(
            _MULTIPLIER,
            default=1.0,
            help="How much the expressions count. 1.0: the host with the largest value gains as much as the host with "
            "the most free memory. 0 disables the weigher. Negative: small values are preferred.",
        ),
        cfg.StrOpt(
            _OPTION,
            default="",
            help="The weight of a host, as an expression over attributes of host and request: "
            "0.7 * free_ram_mb / total_usable_ram_mb - 0.3 * metrics['net.load']. Commas separate nothing. Empty: only "
            "flavors and aggregates bring expressions.",
        ),
    )
    multiplier_option: ClassVar[str | None] = _MULTIPLIER
    spec_reads: ClassVar[Sequence[str]] = SPEC_READS
    spec_meets: ClassVar[Sequence[str] | None] = (f"extra_specs.{_KEY}",)
    columnar = True

    def bind(self, values: Mapping[str, Any]) -> None:
        super().bind(values)
        self.expressions.check()

    @property
    def expressions(self) -> Expressions:
        """The expressions that count."""
        return Expressions(self, _OPTION, _KEY)

    def host_reads(self, spec: Any) -> tuple[str, ...]:
        return self.expressions.host_reads(spec)

    def _weigh_object(self, host_state: Any, weight_properties: Any) -> Any:
        weight: Any = 0.0
        for source in self.expressions.of(host_state, weight_properties):
            weight = weight + source.count * source.expression.weight(host_state, weight_properties)
        return weight
