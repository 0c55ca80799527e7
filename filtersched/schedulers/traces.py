"""Traces: a span for each decision, by the API of OpenTelemetry."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from filtersched.errors import ConfigurationError
from filtersched.requests.request_spec import RequestSpec
from filtersched.results.no_valid_host import NoValidHost
from filtersched.results.selection import Selection
from filtersched.schedulers.observer import Observer, Operation, result_of

if TYPE_CHECKING:
    from opentelemetry.trace import Tracer

# So many hosts of a large request stand on its span.
_MOST_HOSTS = 20


class Traces(Observer):
    """A span for each decision, named `filtersched.place` and so on; spans that others begin inside are its children.

    Assign it to `scheduler.observer`. docs/observing lists the attributes of spans.

    tracer : of OpenTelemetry; where it sends spans is its provider's business.

    Raises ConfigurationError where the API of OpenTelemetry is missing.
    """

    def __init__(self, tracer: Tracer) -> None:
        try:
            from opentelemetry import context, trace
        except ImportError as error:
            said = "Traces need the API of OpenTelemetry: pip install 'filtersched[observe]'."
            raise ConfigurationError(said) from error
        self._tracer = tracer
        self._context: Any = context
        self._trace: Any = trace

    def decision_begins(self, operation: Operation, spec: RequestSpec | None) -> Any:
        span = self._tracer.start_span(f"filtersched.{operation}")
        if span.is_recording() and spec is not None:
            span.set_attribute("filtersched.request.num_instances", spec.num_instances)
            if spec.request_id is not None:
                span.set_attribute("filtersched.request.id", spec.request_id)
        return span, self._context.attach(self._trace.set_span_in_context(span))

    def decision_ends(
        self, operation: Operation, begun: Any, selections: Sequence[Selection], problem: BaseException | None
    ) -> None:
        if begun is None:
            return
        span, token = begun
        self._context.detach(token)
        if span.is_recording():
            span.set_attribute("filtersched.result", result_of(problem))
            if selections:
                span.set_attribute("filtersched.hosts", [one.host for one in selections[:_MOST_HOSTS]])
            if isinstance(problem, NoValidHost):
                # An answer, and no failure of the service.
                span.set_attribute("filtersched.instance.index", problem.index)
                steps = () if problem.explanation is None else problem.explanation.steps
                if steps and not steps[-1].after:
                    span.set_attribute("filtersched.refused_by", steps[-1].name)
            elif problem is not None:
                span.set_attribute("error.type", type(problem).__qualname__)
                span.record_exception(problem)
                span.set_status(self._trace.Status(self._trace.StatusCode.ERROR, str(problem)))
        span.end()
