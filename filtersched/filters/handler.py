"""HostFilterHandler: what it means to run filters, as a plain loop."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from filtersched.filters.base import BaseHostFilter
from filtersched.host_state import HostState
from filtersched.request_spec import RequestSpec
from filtersched.selection import Filtered, FilterStep


class HostFilterHandler:
    """Runs filters one after another over host objects. This is the specification."""

    def get_filtered_objects(
        self, filters: Sequence[BaseHostFilter], hosts: Iterable[HostState], spec: RequestSpec, index: int = 0
    ) -> Filtered | None:
        """The hosts that every filter lets pass, in their order, with one step per filter that ran.

        index : the instance's place in the request; filters that run once skip all but the first.
        Each filter is asked only about what the ones before it left; after one that leaves nothing
        none is asked. None if a `filter_all` returned None, as in Nova.
        """
        left = list(hosts)
        steps = []
        for one in filters:
            if not left:
                break
            if not one.run_filter_for_index(index):
                continue
            passed = one.filter_all(left, spec)
            if passed is None:
                return None
            before, left = left, list(passed)
            steps.append(FilterStep.of_lists(type(one).__name__, before, left))
        return Filtered(left, steps)
