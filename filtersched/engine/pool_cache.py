"""PoolCache: what the engine caches of one pool between requests."""

from __future__ import annotations

from typing import Any, NamedTuple

from filtersched.engine.answer_cache import AnswerCache
from filtersched.engine.cached_weights import CachedWeights
from filtersched.engine.candidates import Candidates
from filtersched.engine.engine_choice import RowChoice
from filtersched.engine.latest import Latest
from filtersched.engine.steps import RowSteps
from filtersched.engine.top_rows import RowMask
from filtersched.hosts.host_rows import HostRows

_CHOICES, _FILTERED, _WEIGHTS = 64, 4, 4


class Kept(NamedTuple):
    """Whom all filters left: the candidates, as a mask of rows too, and the steps.

    of : the filters, and the arrays of their verdicts.
    """

    candidates: Candidates
    alive: RowMask
    steps: RowSteps
    of: tuple[Any, ...]


class PoolCache:
    """Answers of plug-ins, weights made of them, and whole choices."""

    def __init__(self, rows: HostRows) -> None:
        self.answers = AnswerCache(rows)
        # By the cached answers that they are made of.
        self.weights: Latest[CachedWeights] = Latest(_WEIGHTS)
        # By all cached answers that a choice was made of.
        self.choices: Latest[RowChoice] = Latest(_CHOICES)
        # By the filters and their verdicts.
        self.kept: Latest[Kept] = Latest(_FILTERED)
        # Whether no host has changed since the decision before. A pool that changes after each choice has no use for
        # kept choices, and does not pay for them.
        self.is_quiet: bool = False

    def catch_up(self) -> None:
        """Take notice of changed rows."""
        self.is_quiet = self.answers.catch_up()
        if not self.is_quiet and self.choices:
            self.choices.clear()
