"""A synthetic trace: requests at random times with random lives, the same for the same seed."""

from __future__ import annotations

import random
from collections.abc import Iterable, Iterator, Sequence

from filtersched.errors import InvalidRequest
from filtersched.requests.request_spec import RequestSpec
from filtersched.requests.request_values import Flavor


def sample_trace(
    flavors: Iterable[Flavor],
    *,
    count: int,
    rate: float,
    life: float,
    seed: int = 1,
    shares: Sequence[float] | None = None,
) -> Iterator[RequestSpec]:
    """Requests of one instance each, in order of arrival.

    rate : how many arrive in a second on average; times between arrivals are exponential.
    life : how many seconds an instance stays on average; lives are exponential.
    shares : how often each flavor is asked for, in the order of the flavors; None is equally often.

    Raises InvalidRequest for no flavors, and for amounts that are not above zero.
    """
    chosen = list(flavors)
    if not chosen:
        raise InvalidRequest("a sample needs at least one flavor", field="flavors")
    for name, value in (("count", count), ("rate", rate), ("life", life)):
        if not 0 < value < float("inf"):
            raise InvalidRequest(f"{name} of a sample must be above zero, not {value!r}", field=name, value=value)
    if shares is not None and (len(shares) != len(chosen) or min(shares) < 0 or not sum(shares)):
        raise InvalidRequest(
            f"shares of a sample must be one number for each of the {len(chosen)} flavors", field="shares", value=shares
        )
    draw = random.Random(seed)
    now = 0.0
    for number in range(1, count + 1):
        now += draw.expovariate(rate)
        (flavor,) = draw.choices(chosen, weights=shares)
        # To the microsecond, so that JSON brings back the same times.
        arrives = round(now, 6)
        yield RequestSpec(
            flavor,
            request_id=f"sample-{number}",
            arrives_at=arrives,
            departs_at=round(arrives + draw.expovariate(1 / life), 6),
        )
