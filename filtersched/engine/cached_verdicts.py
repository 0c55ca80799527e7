"""CachedVerdicts: what filters say of all rows of a pool, by kind of request, cached between requests."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from filtersched.engine.answer_cache import AnswerCache, CachedAnswers, touches
from filtersched.engine.filtering import FilterRunner
from filtersched.engine.request_keys import RequestKeys
from filtersched.hosts.host_rows import HostRows

_KINDS = 16


class CachedVerdicts:
    """The cached answers for one kind of request: requests of which filters read the same, rooms aside."""

    def __init__(self, rows: HostRows) -> None:
        self._version = rows.version
        self._change_count = rows.change_count
        self._answers: dict[FilterRunner, CachedAnswers] = {}
        # Whether something was noted since it was last put into the cache.
        self.is_new = False

    def refresh(self, cache: AnswerCache, request: RequestKeys) -> bool:
        """Ask again about dirty rows, or forget the answers; returns False where all rows may have changed."""
        rows = cache.rows
        if self._version != rows.version:
            return False
        if self._change_count != rows.change_count:
            changes = rows.changes_since(self._change_count)
            if changes is None:
                return False
            for runner, answers in list(self._answers.items()):
                if not touches(changes, answers.watched_attributes):
                    answers.change_count = rows.change_count
                elif not runner.refresh(answers, cache, request):
                    del self._answers[runner]
            self._change_count = rows.change_count
        return True

    def verdicts(self, runner: FilterRunner, request: RequestKeys) -> NDArray[np.bool_] | bool | None:
        """A filter's verdicts on all rows, or one for all; None if they are not known."""
        known = self._answers.get(runner)
        return None if known is None or not runner.has_key(request) else runner.verdicts_of(known, request)

    def note(self, runner: FilterRunner, found: CachedAnswers | None, request: RequestKeys) -> None:
        """Take over what tells a filter's verdicts, if that holds for any candidates."""
        if found is not None and found.raised is None and runner.has_key(request):
            self._answers[runner] = found
            self.is_new = True


class VerdictsCache:
    """What filters say to the last few kinds of requests."""

    def __init__(self) -> None:
        self._kinds: dict[Any, CachedVerdicts] = {}

    def find(self, filters: Sequence[FilterRunner], request: RequestKeys, cache: AnswerCache) -> CachedVerdicts:
        """What is known, perhaps nothing yet."""
        found = self._kinds.get(_key(filters, request))
        return CachedVerdicts(cache.rows) if found is None or not found.refresh(cache, request) else found

    def keep(self, filters: Sequence[FilterRunner], request: RequestKeys, verdicts: CachedVerdicts) -> None:
        """Cache what is known now; what is read of the request is known better than before."""
        if verdicts.is_new:
            verdicts.is_new = False
            self._kinds[_key(filters, request)] = verdicts
            if len(self._kinds) > _KINDS:
                del self._kinds[next(iter(self._kinds))]


def _key(filters: Sequence[FilterRunner], request: RequestKeys) -> Any:
    asked = [one.evaluator for one in filters if one.evaluator is not None and not one.has_room]
    return request.key_of_all([one for one in asked if not one.changing or one.has_key(request)])
