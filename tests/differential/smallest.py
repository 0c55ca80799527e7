"""Making a failing story small: whatever can be left out is left out."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

_ESSENTIAL = ("host", "nodename", "conf", "hosts", "events")


def smallest(story: dict[str, Any], fails: Callable[[dict[str, Any]], bool], tries: int = 2000) -> dict[str, Any]:
    """A part of the story that still fails and, if the tries suffice, does not without any single piece."""
    found = True
    while found:
        found = False
        for smaller in _smaller(story):
            tries -= 1
            if tries < 0:
                return story
            if fails(smaller):
                story, found = smaller, True
                break
    return story


def _smaller(data: Any) -> Iterator[Any]:
    """The same data with one piece less, big pieces first; lists, mappings and numbers are made smaller."""
    if isinstance(data, dict):
        for name in ("events", "hosts"):
            for less in _halves(data.get(name)):
                yield {**data, name: less}
        for name in data:
            if name not in _ESSENTIAL:
                yield {key: value for key, value in data.items() if key != name}
        for name, value in data.items():
            for less in _smaller(value):
                yield {**data, name: less}
    elif isinstance(data, list):
        yield from _halves(data)
        for at in range(len(data)):
            yield data[:at] + data[at + 1 :]
        for at, value in enumerate(data):
            for less in _smaller(value):
                yield [*data[:at], less, *data[at + 1 :]]
    elif isinstance(data, tuple):
        # An event: its kind stays.
        for at, value in enumerate(data):
            for less in _smaller(value):
                yield (*data[:at], less, *data[at + 1 :])
    elif type(data) is int and data > 1:
        yield from (1, data // 2, data - 1)


def _halves(data: Any) -> Iterator[Any]:
    half = len(data) // 2 if isinstance(data, list) else 0
    if half > 1:
        yield data[half:]
        yield data[:half]
