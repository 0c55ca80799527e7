"""PlacementPool: a pool whose truth is OpenStack's Placement."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import Any, TypeVar

from filtersched.errors import InvalidRequest, PoolError, must_be
from filtersched.filters.base import BaseHostFilter
from filtersched.hosts.placement import CommitConflict, Placement
from filtersched.hosts.transaction import Transaction
from filtersched.requests.request_spec import RequestSpec
from filtersched.schedulers.observer import ClaimResult, tell
from filtersched.shared.placement_amounts import Amounts, amounts_of
from filtersched.shared.placement_claims import Claim, Claims, Unfit, checked_consumer, claim_of, why_unfit
from filtersched.shared.placement_client import PlacementClient, Refused
from filtersched.shared.placement_filter import PlacementFilter
from filtersched.shared.placement_providers import Tree, trees_of
from filtersched.shared.placement_replica import PlacementReplica

_T = TypeVar("_T")
_Whole = tuple[tuple[str, int], ...]

# For so many kinds of requests it is remembered which hosts can never take them.
_MOST_KINDS = 64


class PlacementPool(PlacementReplica):
    """A pool whose hosts, inventories and instances are those of OpenStack's Placement.

    Decisions are made on a replica in this process; committing, releasing and moving are one
    `POST /allocations` each, which Placement does whole or not at all. Several pools, threads and processes may
    claim at once: no inventory is given out beyond its capacity, and no instance twice.
    Where Placement refuses a host, `scheduler.place` reads it again and tries the next.

    Placement keeps no server groups: their rules hold against the servers that were placed through this object,
    and those that a request names. It keeps no reservations, and no claims that expire.

    session : a `keystoneauth1.session.Session`, with a user that may read providers and write allocations.
    endpoint : Placement's address; None is that of the catalog, for `interface` and `region_name`.
    timeout_s : how long the service may be silent.
    max_age_s : before a decision, changes are read if the last reading is older; None reads on `refresh` only.
    claim_attempts : how many hosts, or sets of hosts, a request is tried on.

    Raises PoolError where Placement cannot be read.
    """

    def __init__(
        self,
        session: Any,
        *,
        endpoint: str | None = None,
        interface: str | None = None,
        region_name: str | None = None,
        timeout_s: float = 30.0,
        max_age_s: float | None = 10.0,
        claim_attempts: int = 10,
    ) -> None:
        client = PlacementClient(
            session, endpoint=endpoint, interface=interface, region_name=region_name, timeout_s=timeout_s
        )
        if isinstance(claim_attempts, bool) or not isinstance(claim_attempts, int) or claim_attempts < 1:
            said = must_be("claim_attempts", "a whole number above 0", claim_attempts)
            raise InvalidRequest(said, field="claim_attempts", value=claim_attempts)
        for name, seconds in (("timeout_s", timeout_s), ("max_age_s", 0.0 if max_age_s is None else max_age_s)):
            if isinstance(seconds, bool) or not isinstance(seconds, int | float) or not seconds >= 0:
                raise InvalidRequest(must_be(name, "seconds, 0 or more", seconds), field=name, value=seconds)
        self.claim_attempts = claim_attempts
        self._writer = Claims(client, claim_attempts)
        # What the transaction in progress claims, by consumer; None outside of one.
        self._claims: dict[str, Claim] | None = None
        # Why hosts are not tried again for the request in progress, by name.
        self._set_aside: dict[str, str] | None = None
        # Hosts that can never take certain amounts, with the reason.
        self._unfit: dict[_Whole, dict[str, str]] = {}
        self._filters: dict[_Whole, PlacementFilter] = {}
        super().__init__(client, max_age_s)

    # -- claims ------------------------------------------------------------------------------

    def decide_and_commit(self, act: Callable[[], _T]) -> _T:
        made: _T = self.run(self._decide_and_commit, act)
        return made

    def _decide_and_commit(self, act: Callable[[], _T]) -> _T:
        if self._set_aside is not None or self._claims is not None:
            # A part of what is decided already.
            return act()
        began, conflicts = time.monotonic(), 0
        result: ClaimResult = "conflict"
        set_aside: dict[str, str] = {}
        self._set_aside = set_aside
        try:
            while True:
                try:
                    made: _T = act()
                    result = "decided_anew" if conflicts else "held"
                    return made
                except CommitConflict as conflict:
                    conflicts += 1
                    if conflicts >= self.claim_attempts:
                        conflict.add_note(f"Tried {conflicts} times; refused were: {', '.join(set_aside) or 'none'}.")
                        raise
        finally:
            self._set_aside = None
            if self.observer is not None:
                seconds = time.monotonic() - began
                tell(self.observer.claim_ends, result, conflicts=conflicts, seconds=seconds)

    def further_filters(self, spec: RequestSpec) -> Sequence[BaseHostFilter]:
        whole, reasons = self._never_fit(amounts_of(spec.flavor))
        if self._set_aside:
            return [PlacementFilter({**reasons, **self._set_aside})]
        known = self._filters.get(whole)
        # The same object as long as it says the same, for the sake of caches.
        if known is None or known.reasons != reasons:
            known = self._filters[whole] = PlacementFilter(dict(reasons))
        return [known] if reasons else []

    def _never_fit(self, amounts: Amounts) -> tuple[_Whole, dict[str, str]]:
        """The amounts without those of groups, and the hosts that can never take them, with the reason."""
        whole = tuple(amounts.whole.items())
        if whole not in self._unfit:
            if len(self._unfit) >= _MOST_KINDS:
                self._unfit.clear()
                self._filters.clear()
            found = ((name, why_unfit(tree, amounts.whole)) for name, tree in self._trees.items())
            self._unfit[whole] = {name: why for name, why in found if why is not None}
        return whole, self._unfit[whole]

    def _host_changed(self, name: str, tree: Tree | None) -> None:
        for whole, reasons in self._unfit.items():
            why = None if tree is None else why_unfit(tree, dict(whole))
            reasons.pop(name, None)
            if why is not None:
                reasons[name] = why

    def _transact(self, act: Callable[..., _T], args: Sequence[Any]) -> _T:
        around = self._claims
        claims = self._claims = dict(around or {})
        try:
            if around is not None:
                made: _T = super()._transact(act, args)
                around.clear()
                around.update(claims)
                return made
            made = super()._transact(act, args)
            self._note(claims.values())
            return made
        except (Refused, Unfit) as problem:
            refusal = problem
        except CommitConflict:
            raise
        except BaseException:
            # What Placement has now may not be what the hosts show.
            self._due_at = 0.0
            raise
        finally:
            self._claims = around
        raise self._conflict(refusal, claims.values())

    def _before_keeping(self, transaction: Transaction) -> None:
        if self._claims:
            self._writer.write(list(self._claims.values()))

    def _note(self, claims: Iterable[Claim]) -> None:
        """Let the providers, and the hosts, have what was claimed."""
        changed = dict[str, dict[str, Mapping[str, int]]]()
        for claim in claims:
            for uuid in {*claim.allocations, *claim.before}:
                changed.setdefault(uuid, {})[claim.consumer] = claim.allocations.get(uuid, {})
        for uuid, allocations in changed.items():
            provider = self._providers.get(uuid)
            if provider is not None:
                self._providers[uuid] = provider.after_claim(allocations)
        for claimed in list(self._claimed_since.values()):
            claimed.update(changed)
        with contextlib.suppress(PoolError):
            # The claim holds; what is wrong with a provider, the next reading says.
            self._show_again(self._names_of(changed))

    def _names_of(self, providers: Iterable[str]) -> set[str]:
        """The hosts of these providers."""
        roots = {self._providers[uuid].root for uuid in providers if uuid in self._providers}
        return {self._providers[root].name for root in roots if root in self._providers}

    def _show_again(self, names: Collection[str]) -> None:
        """Let these hosts have what their providers have now."""
        members = [one.uuid for name in names if name in self._trees for one in self._trees[name].all]
        trees = trees_of(self._providers[uuid] for uuid in members if uuid in self._providers)
        self._show({**dict.fromkeys(names), **{tree.root.name: tree for tree in trees.values()}})

    def _conflict(self, problem: Refused | Unfit, claims: Iterable[Claim]) -> CommitConflict:
        """The error for claims that Placement refuses; the replica has its hosts as they are now."""
        if isinstance(problem, Unfit):
            refused = {problem.host: str(problem)}
        else:
            refused = self._refused_by(problem, list(claims))
        if self._set_aside is not None:
            self._set_aside.update(refused)
        hosts = sorted(refused) or sorted({claim.host for claim in claims} - {""})
        return CommitConflict(
            f"{', '.join(hosts) or 'Placement'}: {problem}; decide again, or use place()",
            selections=[claim.selection for claim in claims if claim.selection is not None and claim.host in hosts],
            hosts=hosts,
        )

    def _refused_by(self, problem: Refused, claims: Sequence[Claim]) -> dict[str, str]:
        """The hosts that have no room for the claims, with the reason; all of them where none is found."""
        asked = dict[str, dict[str, int]]()
        for claim in claims:
            for uuid, amounts in claim.allocations.items():
                sums = asked.setdefault(uuid, {})
                for name, amount in amounts.items():
                    sums[name] = sums.get(name, 0) + amount
        names = {uuid: claim.host for claim in claims for uuid in claim.allocations}
        now = self._reader.read_again(asked)
        found: dict[str, str] = {}
        consumers = [claim.consumer for claim in claims]
        for uuid, provider in now.items():
            name = names[uuid]
            if provider is None:
                del self._providers[uuid]
                found[name] = "it is gone from Placement"
                continue
            self._providers[uuid] = provider
            others = provider.with_allocations({key: {} for key in consumers})
            short = [one for one, amount in asked[uuid].items() if others.capacity(one) - others.used(one) < amount]
            if short:
                found[name] = f"provider {provider.name!r} has too little left of {', '.join(short)}"
        self._show_again(set(names.values()))
        if not found and not problem.is_concurrent:
            found = dict.fromkeys(names.values(), f"Placement refuses: {problem}")
        return found

    def _put(self, chosen: Sequence[Placement]) -> None:
        def put() -> None:
            super(PlacementPool, self)._put(chosen)
            for one in chosen:
                self._claim(one)

        self._transact(put, ())

    def _move_there(self, chosen: Sequence[Placement]) -> None:
        def move() -> None:
            before = {one.instance_uuid: self._providers_of(one.instance_uuid) for one in chosen}
            super(PlacementPool, self)._move_there(chosen)
            for one in chosen:
                self._claim(one, before[one.instance_uuid])

        self._transact(move, ())

    def _release(self, given: Sequence[str | Placement]) -> None:
        def release() -> None:
            uuids = [one if isinstance(one, str) else one.instance_uuid for one in given]
            before = {uuid: self._providers_of(uuid) for uuid in uuids}
            super(PlacementPool, self)._release(given)
            for uuid in uuids:
                self._add_claim(Claim(checked_consumer(uuid), before=before[uuid], is_new=False))

        self._transact(release, ())

    def _claim(self, one: Placement, before: Collection[str] | None = None) -> None:
        """Add the claim of an instance that is on its host now; `before` are the providers that it leaves."""
        tree = self._trees[one.host]
        instance = self.rows.host(self._row((one.host, one.nodename))).instances[one.instance_uuid]
        self._add_claim(claim_of(instance, tree, before=before, selection=one))

    def _add_claim(self, claim: Claim) -> None:
        assert self._claims is not None
        earlier = self._claims.pop(claim.consumer, None)
        if earlier is not None:
            claim.is_new, claim.before = earlier.is_new, earlier.before
        if claim.allocations or not claim.is_new:
            self._claims[claim.consumer] = claim

    def _providers_of(self, instance_uuid: str) -> list[str]:
        """The providers that an instance has allocations of, as far as is known here."""
        hosts = [self.rows.host(row).host for row in self._rows_with(instance_uuid)]
        trees = [self._trees[name] for name in hosts if name in self._trees]
        return [one.uuid for tree in trees for one in tree.all if instance_uuid in one.allocations]
