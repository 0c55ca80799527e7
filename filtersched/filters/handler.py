"""HostFilterHandler: what it means to run filters, as a plain loop."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence

from filtersched.filters.base import BaseHostFilter, left_by
from filtersched.hosts.host_state import HostState
from filtersched.plugins.notes import asking, reading_ratios
from filtersched.plugins.timing import timed
from filtersched.requests.request_spec import RequestSpec
from filtersched.results.filter_step import FilterStep
from filtersched.results.selection import Filtered, SetAside
from filtersched.results.verdict import Verdict
from filtersched.results.words import in_words


class HostFilterHandler:
    """Runs filters one after another over host objects. This is the specification."""

    def get_filtered_objects(
        self, filters: Sequence[BaseHostFilter], hosts: Iterable[HostState], spec: RequestSpec, index: int = 0
    ) -> Filtered | None:
        """The hosts that every filter lets pass, in their order, with one step per filter that ran.

        index : the instance's place in the request; filters that run once skip all but the first.
        The hosts that a filter refused whose refusals are not final are in its `set_aside`.
        Each filter is asked only about what the ones before it left; after one that leaves nothing
        none is asked. None if a `filter_all` returned None, as in Nova.
        """
        start = left = list(hosts)
        steps = []
        set_aside: list[tuple[BaseHostFilter, HostState]] = []
        for host_filter in filters:
            if not left:
                break
            with timed(host_filter), asking(host_filter, len(left), spec.instance_uuid):
                if not host_filter.run_filter_for_index(index):
                    continue
                passed = left_by(host_filter, left, spec)
                if passed is None:
                    return None
                before, left = left, passed
            is_final = host_filter.refusals_are_final
            steps.append(FilterStep.of_lists(type(host_filter).__name__, before, left, start, is_final=is_final))
            if set_aside and not host_filter.run_filter_for_index(index + 1):
                # It is not asked again when they come back.
                set_aside = [one for one in set_aside if self._passes(host_filter, one[1], spec)]
            if not is_final:
                kept = set(map(id, left))
                set_aside += [(host_filter, host) for host in before if id(host) not in kept]
        return Filtered(left, steps, set_aside)

    def returning(self, set_aside: SetAside, spec: RequestSpec, index: int) -> tuple[list[HostState], SetAside]:
        """The hosts that were set aside and pass the filter that refused them, and those that do not, in order."""
        back: list[HostState] = []
        stay = []
        for host_filter, host in set_aside:
            if host_filter.run_filter_for_index(index) and self._passes(host_filter, host, spec):
                back.append(host)
            else:
                stay.append((host_filter, host))
        return back, stay

    def passes(self, filters: Sequence[BaseHostFilter], host: HostState, spec: RequestSpec, index: int) -> bool:
        """Whether one host passes every filter that runs for the instance at `index`."""
        return all(self._passes(one, host, spec) for one in filters if one.run_filter_for_index(index))

    def _passes(self, host_filter: BaseHostFilter, host: HostState, spec: RequestSpec) -> bool:
        with asking(host_filter, 1, spec.instance_uuid):
            return bool(left_by(host_filter, [host], spec))

    def verdicts(
        self,
        filters: Sequence[BaseHostFilter],
        host: HostState,
        spec: RequestSpec,
        index: int = 0,
        *,
        first: HostState | None = None,
        passed: Collection[int] = (),
    ) -> tuple[Verdict, ...]:
        """What each filter says of one host, the ones behind the first refusal included.

        first : the host as it was for the request's first instance. A filter that skips the instance
            at `index` judges that one, because its refusals then hold for the whole request.
        passed : the ids of filters that are known to pass the host.
        """
        before = host if first is None else first
        return tuple([
            Verdict(type(one).__name__, passed=True)
            if id(one) in passed
            else self._verdict(one, host, before, spec, index)
            for one in filters
        ])

    def _verdict(
        self, host_filter: BaseHostFilter, now: HostState, before: HostState, spec: RequestSpec, index: int
    ) -> Verdict:
        name = type(host_filter).__name__
        with reading_ratios(host_filter):
            return self._asked_verdict(name, host_filter, now, before, spec, index)

    def _asked_verdict(
        self, name: str, host_filter: BaseHostFilter, now: HostState, before: HostState, spec: RequestSpec, index: int
    ) -> Verdict:
        try:
            host = now if host_filter.run_filter_for_index(index) else before
            if left_by(host_filter, [host], spec):
                return Verdict(name, passed=True)
            return Verdict(name, passed=False, reason=host_filter.rejection_reason(host, spec))
        except Exception as problem:
            # The boundary to the plug-in: a filter behind the one that refused may get
            # a host it was never meant to see.
            return Verdict(name, passed=False, reason=f"raised {type(problem).__name__}: {in_words(problem)}")
