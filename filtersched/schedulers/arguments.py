"""What callers give to a scheduler, and what a driver returns, checked."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from filtersched.columns.plain_data import plain_data
from filtersched.engine.decision import Choice
from filtersched.engine.engine_choice import EngineChoice
from filtersched.errors import InvalidAnswer, InvalidHost, InvalidRequest, must_be, shown
from filtersched.hosts.host_lists import each_of
from filtersched.hosts.host_state import HostState
from filtersched.requests.record import checked
from filtersched.requests.request_spec import RequestSpec


def checked_seed(seed: Any) -> int:
    """A seed that a caller gives."""
    if type(seed) is int and 0 <= seed < 2**63:
        return seed
    if isinstance(seed, bool) or not isinstance(seed, int):
        raise InvalidRequest(must_be("seed", "a whole number", seed), field="seed", value=seed)
    return int(checked("seed", seed, plain_data))


def check_spec(spec: Any) -> None:
    """Refuse what is no request."""
    if not isinstance(spec, RequestSpec):
        raise InvalidRequest(f"the request must be a RequestSpec, not {shown(spec)}", field="spec", value=spec)


def check_pool(pool: Any, method: str) -> None:
    """Refuse what cannot keep what is placed."""
    if not hasattr(pool, "place"):
        raise InvalidRequest(f"{method}() needs a HostPool; select_destinations() takes any hosts", field="pool")


# What the engine and the plain loop return.
_CHOICES = frozenset((Choice, EngineChoice))


def check_choices(found: Any, driver: str) -> None:
    """Refuse what is no list of choices."""
    if isinstance(found, list) and _CHOICES.issuperset(map(type, found)):
        return
    if not isinstance(found, list) or not all(isinstance(one, Choice) for one in found):
        said = f"{driver}._choose must return a list of Choice, and returned {shown(found)}"
        raise InvalidAnswer(said, plugin=driver, method="_choose", value=found)


def as_hosts(given: Iterable[HostState]) -> list[HostState]:
    """Hosts that are in no pool, as a list."""
    hosts = list(each_of(given))
    for kind in set(map(type, hosts)):
        if not issubclass(kind, HostState):
            strange = next(one for one in hosts if type(one) is kind)
            raise InvalidHost(f"the hosts must be of HostState, not {shown(strange)}", value=strange)
    return hosts
