"""NoValidHost: the error for a request that cannot be placed whole, with the reasons."""

from __future__ import annotations

from typing import Any

from filtersched.errors import FilterschedError
from filtersched.results.explanation import Explanation


class NoValidHost(FilterschedError):
    """The request cannot be placed as a whole; nothing was changed.

    index, num_instances : which instance found no host, counted from 0, and of how many.
    request : which of several requests that were to be placed together, counted from 0; None for one alone.
    reservation : the name of the reservation whose place it is; None for a request.
    explanation : counts per filter, `.why(host)` and `.near_misses()`; None only in an error that
        no scheduler made.

    The sentence is made when it is first read, since the nearest miss takes asking every filter.
    """

    def __init__(
        self,
        reason: str = "",
        *,
        index: int = 0,
        num_instances: int = 1,
        explanation: Explanation | None = None,
    ) -> None:
        super().__init__(reason)
        self.index = index
        self.num_instances = num_instances
        self.request: int | None = None
        self.reservation: str | None = None
        self.explanation: Explanation = explanation  # type: ignore[assignment]

    def to_dict(self) -> dict[str, Any]:
        """Everything that the text says, and more, as plain data."""
        explanation = None if self.explanation is None else self.explanation.to_dict()
        return {
            "message": str(self),
            "reason": self.args[0] or None,
            "request": self.request,
            **({} if self.reservation is None else {"reservation": self.reservation}),
            "index": self.index,
            "num_instances": self.num_instances,
            "explanation": explanation,
        }

    def __str__(self) -> str:
        which = f"Instance {self.index + 1} of {self.num_instances}"
        if self.request is not None:
            which = f"Request {self.request + 1}, i{which[1:]}"
        if self.reservation is not None:
            which = f"Reservation {self.reservation!r}, place {self.index + 1} of n = {self.num_instances}"
        if self.explanation is None:
            return f"No valid host was found. {self.args[0] or f'{which} found no host.'}"
        if self.explanation.profile is not None:
            which = f"{which} (profile {self.explanation.profile!r})"
        said = f"No valid host was found. {self.args[0] or f'{which}:'}"
        if self.args[0] and not self.explanation.steps:
            return said  # refused before any host was looked at
        try:
            return f"{said} {self.explanation.summary()}"
        except Exception:
            # The text of an error: whatever a plug-in does when it is asked for reasons, the counts are known.
            return f"{said} {self.explanation.counts()}"
