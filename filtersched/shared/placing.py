"""Placing: a request is decided and claimed on a shared pool; where others were faster, asked about again."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any, Generic, Protocol, TypeVar

from filtersched.hosts.placement import CommitConflict, Placement
from filtersched.schedulers.observer import tell
from filtersched.shared.claims import ClaimCounts

_T = TypeVar("_T")
_P = TypeVar("_P", bound=Placement)


class Claiming(Protocol):
    """What placing needs of a pool."""

    claims: ClaimCounts
    observer: Any

    def run(self, act: Callable[..., _T], *args: Any) -> _T:
        """The result of `act`, called again where others changed what it was decided on."""

    def take(self, chosen: Sequence[Placement], *, move: bool, ttl: float | None) -> None:
        """Claim selections. Raises Outdated."""


class Placing(Generic[_P]):
    """One request. `again` gives the selections as they are now, and whether one is an alternate, or CommitConflict."""

    def __init__(
        self,
        pool: Claiming,
        decide: Callable[[], list[_P]],
        again: Callable[[list[_P]], tuple[list[_P], bool]],
        *,
        move: bool,
        ttl: float | None,
    ) -> None:
        self._pool = pool
        self._decide = decide
        self._again = again
        self._move = move
        self._ttl = ttl
        self._chosen: list[_P] | None = None
        self._tried: list[str] = []
        self._result = "held"

    def run(self) -> list[_P]:
        """The selections, claimed. Raises CommitConflict with what was tried, and what deciding raises."""
        counts = self._pool.claims
        began, conflicts = time.perf_counter(), counts.conflicts
        try:
            chosen = self._pool.run(self._attempt)
        except CommitConflict as problem:
            self._ended("conflict", began, counts.conflicts - conflicts)
            if not self._chosen:
                raise
            raise CommitConflict(
                f"others were faster {len(self._tried)} times in a row, on {', '.join(dict.fromkeys(self._tried))}; "
                "nothing was placed, try again later",
                selections=self._chosen,
                hosts=tuple(dict.fromkeys(self._tried)),
                groups=problem.groups,
                resources=problem.resources,
            ) from problem
        self._ended(self._result, began, counts.conflicts - conflicts)
        return chosen

    def _ended(self, result: str, began: float, conflicts: int) -> None:
        counts = self._pool.claims
        setattr(counts, result, getattr(counts, result) + 1)
        if self._pool.observer is not None:
            seconds = time.perf_counter() - began
            tell(self._pool.observer.claim_ends, result, conflicts=conflicts, seconds=seconds)

    def _attempt(self) -> list[_P]:
        chosen = self._next()
        self._chosen = chosen
        self._tried.append(", ".join(dict.fromkeys(one.host for one in chosen)))
        self._pool.take(chosen, move=self._move, ttl=self._ttl)
        return chosen

    def _next(self) -> list[_P]:
        if self._chosen is None:
            return self._decide()
        if not self._move:
            try:
                chosen, is_alternate = self._again(self._chosen)
            except CommitConflict:
                pass
            else:
                if is_alternate:
                    self._result = "alternate"
                elif self._result == "held":
                    self._result = "held_newer"
                return chosen
        self._result = "decided_anew"
        return self._decide()
