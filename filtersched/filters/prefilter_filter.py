"""PrefilterFilter: what Nova asks Placement for beyond amounts, as its request filters say."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from oslo_config import cfg

from filtersched.filters.base import BaseHostFilter
from filtersched.hosts.host_state import HostState
from filtersched.plugins.columnar import of_each
from filtersched.requests.prefilters import (
    Prefilters,
    TraitsAsked,
    is_for_project,
    is_of_zone,
    isolated_for,
    traits_asked,
    traits_named,
)
from filtersched.requests.request_spec import RequestSpec

_TENANTS, _REQUIRED = "limit_tenants_to_placement_aggregate", "placement_aggregate_required_for_tenants"
_ZONE = "availability_zone_prefilter"
_ISOLATED = "enable_isolated_aggregate_filtering"
# The option of each rule about traits.
_TRAITS = {
    "image_type": "query_placement_for_image_type_support",
    "image_metadata": "image_metadata_prefilter",
    "compute_status": "compute_status_prefilter",
    "packed_virtqueue": "packed_virtqueue_prefilter",
    "ephemeral_encryption": "ephemeral_encryption_prefilter",
    "virtio_sound": "virtio_sound_prefilter",
}
SWITCHES = (_TENANTS, _ISOLATED, _ZONE, *_TRAITS.values())


def _switch(name: str, when_true: str, *, novas: str = "") -> cfg.BoolOpt:
    return cfg.BoolOpt(name, default=False, help=f"True: {when_true} False: nothing is asked.{novas}")


class PrefilterFilter(BaseHostFilter):
    """Refuse hosts that Nova's request filters keep a request off: isolated aggregates, other tenants', and traits.

    Each rule has an option in `[scheduler]`, with Nova's name where Nova has one; FilterScheduler puts the filter in
    front of the others if one of them is true. A host needs all traits that the rules add to the request
    (`filtersched.requests.prefilters` lists them) among its `traits`.

    | option                                   | the aggregates of the host                         | passes |
    |------------------------------------------|----------------------------------------------------|--------|
    | `enable_isolated_aggregate_filtering`    | require a trait that flavor and image don't        | no     |
    | `limit_tenants_to_placement_aggregate`   | one is for the project                             | yes    |
    |                                          | none is, and one of another host is                | no     |
    |                                          | no aggregate is for the project                    | yes    |
    | `placement_aggregate_required_for_tenants` with it | no aggregate is for the project          | no     |

    | `availability_zone_prefilter`            | one is of the request's zone                       | yes    |
    |                                          | none is, and one of another host is                | no     |
    |                                          | no aggregate is of that zone                       | yes    |

    An aggregate is for a project if its metadata have a key that begins with `filter_tenant_id`, and the project's id
    as a value; it requires a trait by `trait:NAME = required`.
    """

    run_filter_once_per_request = True
    options: ClassVar[Sequence[cfg.Opt]] = (
        _switch(_TENANTS, "a project that has aggregates gets hosts only in them."),
        cfg.BoolOpt(
            _REQUIRED,
            default=False,
            help=f"True, together with {_TENANTS}: a project without an aggregate gets no host. False: it may use "
            "any host.",
        ),
        _switch(_ISOLATED, "aggregates with trait:NAME=required take only requests that require that trait."),
        _switch(_TRAITS["image_type"], "hosts need the trait COMPUTE_IMAGE_TYPE_… of the image's disk_format."),
        _switch(_TRAITS["image_metadata"], "hosts need a trait for each bus, model and architecture of the image."),
        _switch(
            _ZONE,
            "a request that names a zone gets hosts only in aggregates with that availability_zone, if there are any.",
            novas=" Nova always does that; AvailabilityZoneFilter knows the zones of services too.",
        ),
        _switch(
            _TRAITS["compute_status"],
            "hosts with the trait COMPUTE_STATUS_DISABLED are refused.",
            novas=" Nova always does that; ComputeFilter refuses disabled services too.",
        ),
        _switch(
            _TRAITS["packed_virtqueue"],
            "hosts need COMPUTE_NET_VIRTIO_PACKED where flavor or image ask for packed rings.",
            novas=" Nova always does that.",
        ),
        _switch(
            _TRAITS["ephemeral_encryption"],
            "hosts need COMPUTE_EPHEMERAL_ENCRYPTION, and that of the format, where flavor or image ask for it.",
            novas=" Nova always does that.",
        ),
        _switch(
            _TRAITS["virtio_sound"],
            "hosts need COMPUTE_SOUND_MODEL_VIRTIO where flavor or image ask for a virtio sound device.",
            novas=" Nova always does that.",
        ),
    )
    option_group = "scheduler"
    spec_reads: ClassVar[Sequence[str]] = (
        *("extra_specs", "image", "is_bfv", "project_id", "has_own_aggregates"),
        *("availability_zone", "has_zone_aggregates"),
    )
    # It restricts requests that say nothing about it.
    spec_meets: ClassVar[Sequence[str] | None] = ()
    columnar = True
    reason_is_text = True

    _rules: Prefilters | None = None

    def bind(self, values: Mapping[str, Any]) -> None:
        super().bind(values)
        self._rules = None

    @property
    def looks_for_own_aggregates(self) -> bool:
        """Whether a scheduler must say if any aggregate is for the request's project."""
        return bool(self.option(_TENANTS))

    @property
    def looks_for_zone_aggregates(self) -> bool:
        """Whether a scheduler must say if any aggregate is of the request's zone."""
        return bool(self.option(_ZONE))

    def is_on(self) -> bool:
        """Whether any of the rules is in effect."""
        return any(self.option(name) for name in SWITCHES)

    def host_reads(self, spec: RequestSpec) -> tuple[str, ...]:
        asked = self._asked(spec)
        by_aggregates = self.option(_ISOLATED) or self.option(_TENANTS) or self.option(_ZONE)
        return (*(("traits",) if any(asked) else ()), *(("aggregates",) if by_aggregates else ()))

    def host_passes(self, host_state: HostState, spec: RequestSpec) -> Any:
        asked = self._asked(spec)
        passes: Any = True
        if any(asked):
            passes = of_each(host_state, "traits", _have, asked)
        if self.option(_ISOLATED):
            passes = passes & of_each(host_state, "aggregates", _are_open, traits_named(spec))
        if self.option(_TENANTS):
            if spec.has_own_aggregates:
                passes = passes & of_each(host_state, "aggregates", is_for_project, spec.project_id)
            elif self.option(_REQUIRED):
                passes = passes & False
        if self.option(_ZONE) and spec.has_zone_aggregates:
            passes = passes & of_each(host_state, "aggregates", is_of_zone, spec.availability_zone)
        return passes

    def rejection_reason(self, host_state: HostState, spec: RequestSpec) -> str | None:
        asked = self._asked(spec)
        zone = spec.availability_zone
        lacking = sorted(asked.required - host_state.traits)
        if lacking:
            return f"lacks the trait {lacking[0]}, which the request needs"
        if asked.forbidden & host_state.traits:
            return f"has the trait {min(asked.forbidden & host_state.traits)}"
        trait = isolated_for(host_state.aggregates, traits_named(spec)) if self.option(_ISOLATED) else None
        if trait is not None:
            return f"is in an aggregate for requests with the trait {trait}"
        if self.option(_ZONE) and spec.has_zone_aggregates and not is_of_zone(host_state.aggregates, zone):
            return f"is in no aggregate of zone {zone!r}, which has some"
        if not self.option(_TENANTS) or is_for_project(host_state.aggregates, spec.project_id):
            return None
        if spec.has_own_aggregates:
            return f"is in no aggregate of project {spec.project_id!r}, which has some"
        return f"no aggregate is for project {spec.project_id!r}" if self.option(_REQUIRED) else None

    def _asked(self, spec: RequestSpec) -> TraitsAsked:
        if self._rules is None:
            self._rules = Prefilters(**{rule: bool(self.option(name)) for rule, name in _TRAITS.items()})
        return traits_asked(spec, self._rules) if any(self._rules) else TraitsAsked()


def _have(traits: frozenset[str], asked: TraitsAsked) -> bool:
    return asked.required <= traits and not asked.forbidden & traits


def _are_open(aggregates: Sequence[Any], traits: frozenset[str]) -> bool:
    return isolated_for(aggregates, traits) is None
