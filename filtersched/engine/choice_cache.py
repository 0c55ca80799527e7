"""ChoiceCache: which host a request got, cached while no host of the pool changes."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from operator import is_
from typing import Any, NamedTuple

from filtersched.engine.filtering import FilterRunner, Steps
from filtersched.engine.plugin_evaluator import Window
from filtersched.engine.request_keys import RequestKeys
from filtersched.engine.weighing import Scale, WeigherRunner
from filtersched.hosts.host_rows import HostRows
from filtersched.results.weigher_shares import WeigherColumn

_ENTRIES = 64


class RowChoice(NamedTuple):
    """The row of a ranking that was chosen, and what its weight was made of; no raws if it had no rival.

    next_best : row and weight of the runner-up.
    columns, rows : every host's weights and the rows of the hosts, in list order, if they are to be kept.
    """

    row: int
    weight: float
    steps: Steps
    scale: Scale
    raws: Sequence[float]
    multipliers: Sequence[float]
    next_best: tuple[int, float] | None
    columns: Sequence[WeigherColumn] = ()
    rows: Sequence[int] = ()


class _Entry(NamedTuple):
    """A choice, and under which conditions it is the same again.

    options : of the plug-ins, in effect when the choice was made.
    windows : when the answers hold that it is based on.
    """

    choice: RowChoice
    options: Sequence[object]
    windows: Sequence[Window]


class ChoiceCache:
    """The choices for single instances, by all that declared plug-ins read of their requests."""

    def __init__(self) -> None:
        self._entries: OrderedDict[Any, _Entry] = OrderedDict()
        # Of the rows, when a choice was last made.
        self._state = (-1, -1)

    def is_worth_it(self, rows: HostRows) -> bool:
        """Whether the hosts are as they were for the choice before; forgets all choices if not.

        A pool that changes after each choice has no use for the cache, and does not pay for it.
        """
        state = (rows.version, rows.change_count)
        if self._state == state:
            return True
        self._state = state
        self._entries.clear()
        return False

    def key(
        self, filters: Sequence[FilterRunner], weighers: Sequence[WeigherRunner], request: RequestKeys
    ) -> Any:
        """All that the choice depends on in the request; None if it is not worth caching."""
        asked: list[Any] = [one.evaluator for one in filters]
        asked += [one.evaluator for one in weighers]
        if None in asked:
            return None
        key = request.key_of_all(asked)
        return None if key is None else (tuple(map(id, asked)), key)

    def find(self, key: Any, options: Sequence[object], now: RequestKeys) -> RowChoice | None:
        """The choice for such a request, if it is still the same."""
        entry = self._entries.get(key)
        if (
            entry is None
            or not all(map(is_, options, entry.options))
            or not all(window.contains(now.now) for window in entry.windows)
        ):
            return None
        self._entries.move_to_end(key)
        return entry.choice

    def keep(self, key: Any, choice: RowChoice, options: Sequence[object], windows: Sequence[Window]) -> None:
        """Cache a choice that was made just now."""
        self._entries[key] = _Entry(choice, options, windows)
        self._entries.move_to_end(key)
        if len(self._entries) > _ENTRIES:
            self._entries.popitem(last=False)


def options_of(runners: Sequence[FilterRunner | WeigherRunner]) -> list[object]:
    """The option values of the plug-ins, which are other objects when they are set again."""
    return [one.plugin._values for one in runners]

