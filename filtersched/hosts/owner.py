"""Owner: what a host knows of the pool that keeps it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol, TypeVar

_T = TypeVar("_T")


class Owner(Protocol):
    """Who wants to know of a host's changes: the pool that keeps it.

    host : a HostState.
    """

    def change(self, host: Any, name: str, value: Any) -> None:
        """Write the attribute under the owner's lock and mark the host as changed."""

    def run(self, act: Callable[[], _T]) -> _T:
        """The result of `act` under the owner's lock."""
