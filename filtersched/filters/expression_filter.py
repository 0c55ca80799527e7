"""ExpressionFilter: a rule that an operator writes as text."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from oslo_config import cfg

from filtersched.filters.base import BaseHostFilter
from filtersched.hosts.host_state import HostState
from filtersched.plugins.expression_sources import Expressions
from filtersched.plugins.expressions import SPEC_READS
from filtersched.requests.request_spec import RequestSpec

_KEY = "filtersched:filter"
_OPTION = "filter_expression"
_PASSES = "filter_expression_passes_unknown"
_NO_NUMBER = "a division by zero, text among numbers, or too large a number"


class ExpressionFilter(BaseHostFilter):
    """Refuse hosts for which an expression does not hold, such as `free_ram_mb / total_usable_ram_mb > 0.1`.

    The expression is in ``filter_expression``, in the flavor's extra spec `filtersched:filter`, or in the
    metadata of that name of the host's aggregates. Where several are written, all must hold.

    | the expression                                                     | passes                               |
    |--------------------------------------------------------------------|--------------------------------------|
    | is true                                                            | yes                                  |
    | is false                                                           | no                                   |
    | needs a value that is missing, divides by zero, or is not a number | ``filter_expression_passes_unknown`` |
    """

    options: ClassVar[Sequence[cfg.Opt]] = (
        cfg.StrOpt(
            _OPTION,
            default="",
            help="What must hold for a host, as an expression over attributes of host and request: "
            "free_ram_mb / total_usable_ram_mb > 0.1 and num_io_ops < 4. Commas separate nothing. Empty: only flavors "
            "and aggregates bring expressions.",
        ),
        cfg.BoolOpt(
            _PASSES,
            default=False,
            help="What an expression means that needs a missing value, divides by zero or is not a number. False: the "
            "host is refused. True: it passes.",
        ),
    )
    spec_reads: ClassVar[Sequence[str]] = SPEC_READS
    spec_meets: ClassVar[Sequence[str] | None] = (f"extra_specs.{_KEY}",)
    columnar = True
    reason_is_text = True

    def bind(self, values: Mapping[str, Any]) -> None:
        super().bind(values)
        self.expressions.check()

    @property
    def expressions(self) -> Expressions:
        """The expressions that count."""
        return Expressions(self, _OPTION, _KEY)

    def host_reads(self, spec: RequestSpec) -> tuple[str, ...]:
        return self.expressions.host_reads(spec)

    def host_passes(self, host_state: HostState, spec: RequestSpec) -> Any:
        passes: Any = True
        for source in self.expressions.of(host_state, spec):
            holds = source.expression.holds(host_state, spec, unknown=self.option(_PASSES))
            passes = passes & (holds | (source.count == 0))
        return passes

    def rejection_reason(self, host_state: HostState, spec: RequestSpec) -> str | None:
        for source in self.expressions.of(host_state, spec):
            if source.expression.holds(host_state, spec, unknown=self.option(_PASSES)):
                continue
            said = f"{source.expression.text!r} of {source.said}"
            if not source.expression.holds(host_state, spec, unknown=True):
                return f"{said} does not hold"
            missing = source.expression.unknowns(host_state, spec)
            why = f"no value of {', '.join(missing)}" if missing else _NO_NUMBER
            return f"{said} has no answer: {why}"
        return None
