"""PoolCache: what the engine caches of one pool between requests."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from filtersched.engine.answer_cache import AnswerCache
from filtersched.engine.cached_weights import WeightsCache
from filtersched.engine.candidates import Candidates
from filtersched.engine.engine_choice import RowChoice
from filtersched.engine.filtering import FilterRunner
from filtersched.engine.latest import Latest
from filtersched.engine.questions import Questions
from filtersched.engine.steps import RowSteps
from filtersched.engine.top_rows import RowMask
from filtersched.engine.weighing import WeigherRunner
from filtersched.hosts.host_rows import HostRows

_CHOICES, _QUESTIONS, _FILTERED = 64, 16, 4


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
        self.weights = WeightsCache()
        self._questions: Latest[Questions] = Latest(_QUESTIONS)
        # The filters of the last decision, and the questions to them and the weighers, which are always the same.
        self._last: tuple[Sequence[FilterRunner], Questions] = ((), Questions(()))
        # By all cached answers that a choice was made of.
        self.choices: Latest[RowChoice] = Latest(_CHOICES)
        # By the filters and their verdicts.
        self.kept: Latest[Kept] = Latest(_FILTERED)
        # Whether no host has changed since the decision before. A pool that changes after each choice has no use for
        # kept choices, and does not pay for them.
        self.is_quiet: bool = False

    def questions_of(self, filters: Sequence[FilterRunner], weighers: Sequence[WeigherRunner]) -> Questions:
        """The questions to these filters, about rooms where they have them, and to the weighers."""
        if filters is not self._last[0]:
            key = (*filters, *weighers)
            questions = self._questions.find(key) or self._questions.keep(
                key, Questions([*(one.room or one.verdicts for one in filters), *(one.asked for one in weighers)])
            )
            self._last = filters, questions
        return self._last[1]

    def catch_up(self) -> None:
        """Take notice of changed rows."""
        self.is_quiet = self.answers.catch_up()
        if not self.is_quiet and self.choices:
            self.choices.clear()
