"""Observer: what schedulers and pools report of their work, for metrics and traces."""

from __future__ import annotations

import functools
import logging
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Concatenate, Literal, ParamSpec, TypeVar

from filtersched.errors import InvalidRequest
from filtersched.hosts.placement import CommitConflict
from filtersched.requests.request_spec import RequestSpec
from filtersched.results.no_valid_host import NoValidHost
from filtersched.results.selection import Selection

LOG = logging.getLogger(__name__)

Operation = Literal["select_destinations", "place", "place_all", "reserve", "commit"]
#: How a claim on a shared pool ended: at the generation of the decision; at a newer one, once the filters were asked
#: again; on an alternate; after the request was decided anew; or not at all (CommitConflict).
ClaimResult = Literal["held", "held_newer", "alternate", "decided_anew", "conflict"]

_P = ParamSpec("_P")
_R = TypeVar("_R")
_S = TypeVar("_S")


class Observer:
    """The base of observers. Every method does nothing; override those that you need.

    Assign one to `scheduler.observer`, and to `observer` of a shared pool. Its methods run in the thread that
    decides, so they must be fast. One that raises is logged, and the decision goes on.
    """

    def decision_begins(self, operation: Operation, spec: RequestSpec | None) -> Any:
        """A scheduler's method was called.

        spec : the request; None for an operation on several requests, or on selections.
        Returns anything; `decision_ends` gets it back.
        """

    def decision_ends(
        self, operation: Operation, begun: Any, selections: Sequence[Selection], problem: BaseException | None
    ) -> None:
        """The method returned these selections, or raised `problem`."""

    def claim_ends(self, result: ClaimResult, *, conflicts: int, seconds: float) -> None:
        """A claim on a shared pool ended.

        conflicts : how often a transaction of the claim met a change of others.
        seconds : how long the claim took, all its attempts included.
        """

    def replica_read(self, changes: int, *, lag_s: float, seconds: float) -> None:
        """The replica of a shared pool caught up.

        changes : how many changes it read.
        lag_s : the age of the oldest of them, seconds; 0.0 without changes.
        seconds : how long reading took.
        """

    def reload_ends(self, problem: Exception | None) -> None:
        """A reload of the configuration ended; `problem` is why the old one stays, or None."""


class Observers(Observer):
    """Several observers in the place of one, such as metrics and traces."""

    def __init__(self, observers: Iterable[Observer]) -> None:
        self.observers: Sequence[Observer] = tuple(observers)

    def decision_begins(self, operation: Operation, spec: RequestSpec | None) -> Any:
        return [tell(one.decision_begins, operation, spec) for one in self.observers]

    def decision_ends(
        self, operation: Operation, begun: Any, selections: Sequence[Selection], problem: BaseException | None
    ) -> None:
        # The last that began ends first, as spans nest.
        for one, its in zip(reversed(self.observers), reversed(begun or ()), strict=False):
            tell(one.decision_ends, operation, its, selections, problem)

    def claim_ends(self, result: ClaimResult, *, conflicts: int, seconds: float) -> None:
        for one in self.observers:
            tell(one.claim_ends, result, conflicts=conflicts, seconds=seconds)

    def replica_read(self, changes: int, *, lag_s: float, seconds: float) -> None:
        for one in self.observers:
            tell(one.replica_read, changes, lag_s=lag_s, seconds=seconds)

    def reload_ends(self, problem: Exception | None) -> None:
        for one in self.observers:
            tell(one.reload_ends, problem)


def result_of(problem: BaseException | None) -> str:
    """How a decision ended, in a word for labels."""
    # Most are refusals; the others take looking at each kind.
    if type(problem) is NoValidHost:
        return "no_valid_host"
    if problem is None:
        return "success"
    return next((word for kind, word in _RESULTS if isinstance(problem, kind)), "error")


_RESULTS = ((NoValidHost, "no_valid_host"), (CommitConflict, "conflict"), (InvalidRequest, "invalid_request"))


def tell(method: Callable[..., Any], *what: Any, **further: Any) -> Any:
    """Call a method of an observer; None if it raises, which is logged."""
    try:
        return method(*what, **further)
    except Exception:
        # The boundary to observers: what they count must not change what is decided.
        LOG.exception("an observer failed")
        return None


def observed(method: Callable[Concatenate[_S, _P], _R]) -> Callable[Concatenate[_S, _P], _R]:
    """A scheduler's method that tells `self.observer` when it begins and how it ends."""
    operation: Any = method.__name__

    def told(self: _S, /, *args: _P.args, **kwargs: _P.kwargs) -> _R:
        observer: Observer | None = self.observer  # type: ignore[attr-defined]
        if observer is None:
            return method(self, *args, **kwargs)
        spec: Any = args[0] if args else kwargs.get("spec")
        try:
            begun = observer.decision_begins(operation, spec if isinstance(spec, RequestSpec) else None)
        except Exception:
            # The boundary to observers, as in `tell`.
            LOG.exception("an observer failed")
            begun = None
        try:
            made = method(self, *args, **kwargs)
        except BaseException as problem:
            tell(observer.decision_ends, operation, begun, (), problem)
            raise
        try:
            observer.decision_ends(operation, begun, _selections_in(made), None)
        except Exception:
            # The boundary to observers, as in `tell`.
            LOG.exception("an observer failed")
        return made

    functools.update_wrapper(told, method)
    return told


def _selections_in(made: Any) -> Sequence[Selection]:
    """The selections that a scheduler's method returned; those of several requests in one list."""
    if not isinstance(made, list):
        return ()
    if made and isinstance(made[0], list):
        return [selection for some in made for selection in some]
    return made
