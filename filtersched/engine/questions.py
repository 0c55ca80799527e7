"""Questions: all plug-ins that a decision asks, and what their answers depend on in a request."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from operator import attrgetter
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from filtersched.columns.column import NotVectorizable
from filtersched.engine.plugin_evaluator import PluginEvaluator, Source
from filtersched.engine.request_keys import RequestKeys, changes_reader, keys_reader
from filtersched.hosts.declared_items import Name

_READS = attrgetter("key_reads")


class Kind(Protocol):
    """What kind of answers a plug-in gives, and how they are made an array's values."""

    dtype: Any

    def from_answer(self, answer: Any) -> Any:
        """One host's answer."""

    def from_answers(self, answers: NDArray[Any]) -> NDArray[Any]:
        """Answers of all rows, as a new array."""


Asked = tuple[PluginEvaluator, Kind]


def as_answers(answer: Any, kind: Kind) -> Any:
    """What a plug-in answered on columns as the values of an array, or as one value for all rows."""
    return kind.from_answers(answer) if isinstance(answer, np.ndarray) else kind.from_answer(answer)


def answers_now(asked: Asked | None, source: Source, request: RequestKeys) -> Any:
    """The answers of a columnar plug-in for all rows, in the middle of a request; None where columns don't tell."""
    if asked is None or not asked[0].columnar:
        return None
    try:
        return as_answers(asked[0].evaluate_columns(source, request).answer, asked[1])
    except NotVectorizable:
        return None


class Questions:
    """The plug-ins in order, each with the kind of its answers; None for one that is called directly."""

    def __init__(self, asked: Sequence[Asked | None]) -> None:
        self._asked = asked
        self._evaluators = [one[0] for one in asked if one is not None]
        self._reads: list[tuple[Name, ...]] = []
        # What finds what changes of what is read; and by that: a key of what else is read, and which plug-ins read
        # nothing of it.
        self._changes = changes_reader(())
        self._lasting: dict[tuple[Name, ...], tuple[Any, Sequence[Asked | None]]] = {}

    def lasting(self, request: RequestKeys) -> tuple[Any, Sequence[Asked | None]]:
        """The plug-ins whose answers may hold for later requests, None for the others; and a key for the answers."""
        reads = list(map(_READS, self._evaluators))
        if reads != self._reads:
            # Something is known better than before.
            self._reads = reads
            self._changes = changes_reader(dict.fromkeys(itertools.chain.from_iterable(reads)))
            self._lasting = {}
        changes = self._changes(request.spec)
        if changes not in self._lasting:
            gone = frozenset(changes)
            lasting = [None if one is None or not gone.isdisjoint(one[0].key_reads) else one for one in self._asked]
            names = itertools.chain.from_iterable(one[0].key_reads for one in lasting if one is not None)
            self._lasting[changes] = keys_reader(tuple(dict.fromkeys(names))), lasting
        read, asked = self._lasting[changes]
        return (self, read, read(request.spec, request.rows)), asked
