"""Questions: all plug-ins that a decision asks, and what their answers depend on in a request."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from operator import attrgetter
from typing import Any

from filtersched.engine.plugin_evaluator import PluginEvaluator
from filtersched.engine.request_keys import RequestKeys, changes_reader, keys_reader
from filtersched.hosts.declared_items import Name

_READS = attrgetter("key_reads")


class Questions:
    """The plug-ins in order; None for one that is called directly."""

    def __init__(self, asked: Sequence[PluginEvaluator | None]) -> None:
        self._asked = asked
        self._evaluators = [one for one in asked if one is not None]
        self._reads: list[tuple[Name, ...]] = []
        # What finds what changes of what is read; and by that: a key of what else is read, and which plug-ins read
        # nothing of it.
        self._changes = changes_reader(())
        self._lasting: dict[tuple[Name, ...], tuple[Any, Sequence[PluginEvaluator | None]]] = {}

    def lasting(self, request: RequestKeys) -> tuple[Any, Sequence[PluginEvaluator | None]]:
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
            lasting = [None if one is None or not gone.isdisjoint(one.key_reads) else one for one in self._asked]
            names = itertools.chain.from_iterable(one.key_reads for one in lasting if one is not None)
            self._lasting[changes] = keys_reader(tuple(dict.fromkeys(names))), lasting
        read, asked = self._lasting[changes]
        return (self, read, read(request.spec, request.rows)), asked
