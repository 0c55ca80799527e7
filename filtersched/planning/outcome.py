"""What became of one request of a trace."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from filtersched.planning.move_plan import MovePlan
from filtersched.requests.request_spec import RequestSpec
from filtersched.results.explanation import Explanation
from filtersched.results.filter_step import StepCounts, counts_of
from filtersched.results.no_valid_host import NoValidHost
from filtersched.results.selection import Selection
from filtersched.results.unread_field import UnreadField

#: Stands for the filter where a request was refused before any filter ran.
NO_FILTER = "(no filter)"


@dataclass(slots=True)
class Outcome:
    """What became of one request; `number` counts requests from 1, `seconds` is how long the decision took."""

    number: int
    spec: RequestSpec
    selections: list[Selection] = field(default_factory=list)
    refusal: NoValidHost | None = None
    seconds: float = 0.0
    unread: Sequence[UnreadField] = ()
    inventory: list[dict[str, Any]] | None = None
    run: Mapping[str, str] = field(default_factory=dict)
    #: Moves after which a refused request fits, where somebody asks for them.
    moves: MovePlan | None = None
    _counts: Sequence[StepCounts] | None = None

    @property
    def name(self) -> str:
        """The request's id, or its number."""
        return self.spec.request_id or f"#{self.number}"

    @property
    def profile(self) -> str | None:
        """The profile that decided; None for the main configuration."""
        explained = self.why_refused if self.refusal is not None else self.selections[0].explanation
        return None if explained is None else explained.profile

    @property
    def why_refused(self) -> Explanation | None:
        """Why no host was found; None if one was, and for a driver of another package that gives no reasons."""
        return self.refusal.explanation if self.refusal is not None else None

    @property
    def counts(self) -> Sequence[StepCounts]:
        """What counts of the steps for the instance that found no host."""
        if self._counts is None:
            explained, self._counts = self.why_refused, ()
            if self.refusal is not None and explained is not None:
                # Counts are cheaper than steps, but include the filters of earlier instances.
                self._counts = counts_of(explained.steps) if self.refusal.index else explained.step_counts()
        return self._counts

    @property
    def refused(self) -> Mapping[str, int]:
        """How many hosts each filter refused, for the instance that found none or an earlier one."""
        explained = self.why_refused
        if explained is None:
            return {}
        if self.refusal is not None and self.refusal.index:
            return explained.refused
        # The same, of what is counted already.
        found: dict[str, int] = {}
        for name, before, after in self.counts:
            found[name] = found.get(name, 0) + before - after
        return found

    @property
    def refused_by(self) -> str:
        """The filter that left no host."""
        name, _before, after = self.counts[-1] if self.counts else (NO_FILTER, 0, 0)
        return NO_FILTER if after else name
