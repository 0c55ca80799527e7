"""DedicationFilter: a host for one project at a time."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from filtersched.filters.base import BaseHostFilter
from filtersched.hosts.host_state import HostState
from filtersched.plugins import dedication
from filtersched.plugins.columnar import opposite
from filtersched.requests.dedication import STRICT
from filtersched.requests.request_spec import RequestSpec


class DedicationFilter(BaseHostFilter):
    """Refuse hosts that another project keeps to itself, and to flavors that want a host alone, hosts of others.

    The first project on a host keeps it until its last instance there is gone. Flavors ask for that by the extra
    spec `filtersched:dedicated`, aggregates by metadata of that name:

    | `strict` is said by                       | the host has instances of other projects | passes |
    |-------------------------------------------|------------------------------------------|--------|
    | nobody                                    | any                                      | yes    |
    | the request's flavor                      | no                                       | yes    |
    | an aggregate of the host                  | yes                                      | no     |
    | the flavor of an instance of another's    | yes                                      | no     |

    `preferred` refuses nothing; DedicationWeigher obeys it. An instance or a request without a project belongs to
    another project than all others. Instances that are in `num_instances` only are not looked at.
    """

    # Instances of others neither come nor go while a request is placed.
    run_filter_once_per_request = True
    host_reads: Sequence[str] = dedication.HOST_READS
    spec_reads: ClassVar[Sequence[str]] = ("project_id", dedication.EXTRA_SPEC)
    spec_meets: ClassVar[Sequence[str] | None] = (dedication.EXTRA_SPEC,)
    columnar = True
    reason_is_text = True

    def host_passes(self, host_state: HostState, spec: RequestSpec) -> Any:
        others = dedication.of_others(host_state, spec)
        kept = dedication.is_strict(host_state) | (dedication.of_others_that_keep_it(host_state, spec) > 0)
        is_alone_wanted = dedication.asked(spec) == STRICT
        return (others == 0) | opposite(kept | is_alone_wanted)

    def rejection_reason(self, host_state: HostState, spec: RequestSpec) -> str | None:
        others = [
            one
            for one in host_state.instances.values()
            if one.project_id != spec.project_id or one.project_id is None
        ]
        if not others:
            return None
        keeper = next((one for one in others if one.kept_for is not None), None)
        if keeper is not None:
            return f"project {keeper.project_id!r} keeps it by the flavor of instance {keeper.uuid}"
        first = f"{len(others)} instances of other projects, such as {others[0].uuid} of {others[0].project_id!r}"
        is_strict = dedication.is_strict(host_state)
        return f"{'is in a dedicated aggregate' if is_strict else 'the flavor wants a host alone'}: it has {first}"
