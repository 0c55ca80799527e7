"""Claims: allocations of instances, written to Placement whole or not at all."""

from __future__ import annotations

import random
import time
import uuid
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from filtersched.errors import FilterschedError, InvalidRequest, PoolError, shown
from filtersched.hosts.placement import Placement
from filtersched.requests.instance import Instance
from filtersched.shared.placement_amounts import Amounts, amounts_of
from filtersched.shared.placement_client import Lost, PlacementClient, Refused
from filtersched.shared.placement_providers import Provider, Tree

#: Whose instances are that belong to no project and no user; Placement's own default.
NOBODY = "00000000-0000-0000-0000-000000000000"
_INSTANCE = "INSTANCE"
# So many answers to one claim may be lost.
_MOST_LOST = 3

#: By provider, then by class.
Allocations = dict[str, dict[str, int]]


class Unfit(FilterschedError):
    """A host that an instance can never fit on, by name."""

    def __init__(self, message: str = "", *, host: str = "") -> None:
        super().__init__(message)
        self.host = host


@dataclass(slots=True)
class Claim:
    """What one consumer is to have: its allocations, by provider; none to give all back.

    before : the providers that it has allocations of, as far as is known.
    is_new : whether it must have none yet.
    """

    consumer: str
    project_id: str | None = None
    user_id: str | None = None
    allocations: Allocations = field(default_factory=dict)
    before: Collection[str] = ()
    is_new: bool = True
    selection: Placement | None = None

    @property
    def host(self) -> str:
        """The name of the host that it is to be on."""
        return "" if self.selection is None else self.selection.host


def claim_of(instance: Instance, tree: Tree, *, before: Collection[str] | None, selection: Placement) -> Claim:
    """The claim of an instance that a host has taken. Raises Unfit, and InvalidRequest for what Placement cannot keep.

    before : the providers that a known instance has allocations of; None for a new one.
    """
    assert instance.flavor is not None
    return Claim(
        checked_consumer(instance.uuid),
        instance.project_id,
        instance.user_id,
        allocations_in(tree, amounts_of(instance.flavor), instance.consumed.get("providers") or ()),
        before=before or (),
        is_new=before is None,
        selection=selection,
    )


def why_unfit(tree: Tree, whole: Mapping[str, int]) -> str | None:
    """Why a host can never take these amounts; None if it can."""
    try:
        allocations_in(tree, Amounts(whole))
    except Unfit as problem:
        return str(problem)
    return None


def checked_consumer(instance_uuid: str) -> str:
    """The uuid of an instance. Raises InvalidRequest for text that Placement does not take as one."""
    try:
        if str(uuid.UUID(instance_uuid)) == instance_uuid:
            return instance_uuid
    except ValueError:
        pass
    said = f"instance {shown(instance_uuid)}: Placement knows instances by uuid, such as {NOBODY!r}"
    raise InvalidRequest(said, field="instance_uuid", value=instance_uuid)


def allocations_in(tree: Tree, amounts: Amounts, taken: Sequence[Mapping[str, Any]] = ()) -> Allocations:
    """Which provider of a host gives what. Raises Unfit.

    taken : the providers that the numbered groups have been given, as an instance's record has them.

    A class without a group comes from the root, or from the first nested provider that has room for it.
    """
    found: Allocations = {}
    for name, amount in amounts.whole.items():
        provider = _provider_for(tree, name, amount)
        _add(found, provider, name, amount, tree)
    if len(taken) == sum(1 for group in amounts.groups if group.resources):
        for one in taken:
            part = tree.named(one["provider"])
            if part is None:
                said = f"{tree.root.name} has no provider {one['provider']!r} any more"
                raise Unfit(said, host=tree.root.name)
            for name, amount in one["resources"].items():
                _add(found, part, name, int(amount), tree)
    else:
        for group in amounts.groups:
            for name, amount in group.resources:
                _add(found, tree.root, name, amount, tree)
    return found


def _provider_for(tree: Tree, name: str, amount: int) -> Provider:
    able = [one for one in tree.all if name in one.inventories and one.unfit(name, amount) is None]
    with_room = (one for one in able if one.capacity(name) - one.used(name) >= amount)
    return next(with_room, able[0] if able else tree.root)


def _add(found: Allocations, provider: Provider, name: str, amount: int, tree: Tree) -> None:
    of_provider = found.setdefault(provider.uuid, {})
    total = of_provider.get(name, 0) + amount
    why = provider.unfit(name, total)
    if why is not None:
        raise Unfit(f"provider {provider.name!r} {why}", host=tree.root.name)
    of_provider[name] = total


class Claims:
    """Writes claims: one POST for all of them, with the generation of each consumer.

    attempts : how often a claim is repeated that changes of others came in between.
    """

    def __init__(self, client: PlacementClient, attempts: int) -> None:
        self._client = client
        self._attempts = attempts
        self._random = random.Random()

    def write(self, claims: Sequence[Claim]) -> None:
        """Make Placement have what the claims say, all of it or nothing.

        Raises Refused where a provider has no room or is gone, InvalidRequest for a new consumer that
        has allocations and for an old one that has none, and PoolError.
        """
        lost = 0
        for attempt in range(1, self._attempts + 1):
            body = {claim.consumer: self._consumer(claim) for claim in claims}
            try:
                self._client.post("/allocations", body)
                return
            except Refused as refusal:
                if lost and self._hold(claims):
                    return
                self._check_new(claims)
                if not refusal.is_concurrent or attempt == self._attempts:
                    raise
            except Lost as problem:
                if self._hold(claims, problem):
                    return
                lost += 1
                # To repeat it is safe: a claim that arrives late after all has the wrong generation.
                if problem.is_slow or lost == _MOST_LOST or attempt == self._attempts:
                    said = f"{problem}. Placement did not have it a moment later"
                    raise PoolError(said, problem="lost") from None
            # With jitter, so that those who collided do not collide again.
            time.sleep(self._random.uniform(0, 2 ** min(attempt, 6) * (0.1 if lost else 0.01)))

    def _check_new(self, claims: Iterable[Claim]) -> None:
        """Raise InvalidRequest for a new consumer that has allocations."""
        for claim in claims:
            if claim.is_new and self._consumer_now(claim.consumer)["allocations"]:
                raise InvalidRequest(
                    f"instance {claim.consumer} has allocations in Placement already; an instance is placed once, and "
                    "one that is to go elsewhere is moved",
                    field="instance_uuid",
                    value=claim.consumer,
                )

    def _hold(self, claims: Iterable[Claim], problem: PoolError | None = None) -> bool:
        """Whether Placement has what the claims say. Raises PoolError; with `problem`, it names the instances."""
        try:
            now = [self._consumer_now(claim.consumer)["allocations"] for claim in claims]
        except PoolError:
            if problem is None:
                raise
            uuids = ", ".join(one.consumer for one in claims)
            said = f"{problem}. Whether these instances have their allocations is not known: {uuids}"
            raise PoolError(said, problem="lost") from None
        wanted = [{uuid: {"resources": one} for uuid, one in claim.allocations.items()} for claim in claims]
        return [{uuid: {"resources": one["resources"]} for uuid, one in there.items()} for there in now] == wanted

    def _consumer(self, claim: Claim) -> dict[str, Any]:
        """What the POST says of one consumer."""
        generation, kind = None, _INSTANCE
        project_id, user_id = claim.project_id or NOBODY, claim.user_id or NOBODY
        if not claim.is_new:
            there = self._consumer_now(claim.consumer)
            if not there["allocations"]:
                said = f"instance {claim.consumer} has no allocations in Placement (any more)"
                raise InvalidRequest(said, field="instance_uuid", value=claim.consumer)
            generation, kind = there["consumer_generation"], there["consumer_type"]
            project_id, user_id = there["project_id"], there["user_id"]
        return {
            "allocations": {uuid: {"resources": amounts} for uuid, amounts in claim.allocations.items()},
            "project_id": project_id,
            "user_id": user_id,
            "consumer_generation": generation,
            "consumer_type": _INSTANCE if kind == "unknown" else kind,
        }

    def _consumer_now(self, consumer: str) -> dict[str, Any]:
        answer = self._client.get(f"/allocations/{consumer}")
        if not isinstance(answer.get("allocations"), dict):
            said = f"Placement: the allocations of {consumer} are not understood: {shown(answer)}"
            raise PoolError(said, problem="damaged")
        return answer
